/** Bytes that are read piece by piece: an open file, or an array in a test. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** At most `length` bytes from `offset`; fewer, down to none, at the end or when the read fails. Never throws. */
  readAt(offset: number, length: number): Uint8Array;
}
