const firstBytes = 64 * 1024;

/** Bytes as they are decompressed; they are the dictionary too. Grows up to its limit and takes nothing beyond. */
export class XzOutput {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  /** Where the dictionary begins: nothing before is referred to, and positions count from here. */
  start = 0;
  readonly #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.bytes = new Uint8Array(Math.min(firstBytes, limitBytes));
  }

  /** Makes room for so many more bytes; false when that is over the limit. */
  reserve(length: number): boolean {
    const needed = this.length + length;
    if (needed > this.#limitBytes) return false;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.min(this.#limitBytes, Math.max(needed, this.bytes.length * 2)));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    return true;
  }

  /** One byte, for which there is room. */
  push(byte: number): void {
    this.bytes[this.length++] = byte;
  }

  /** Bytes for which there is room. */
  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Repeats what lies `distance` bytes back, also when that is less than the length; there is room for it. */
  repeat(distance: number, length: number): void {
    const { bytes } = this;
    const start = this.length;
    this.length += length;
    for (let to = start, from = start - distance; to < this.length; to++, from++) bytes[to] = bytes[from]!;
  }
}
