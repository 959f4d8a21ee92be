import type { ByteSource } from "./byte_source.ts";

/** A part of another source, such as a section of a file. */
export class SourceSlice implements ByteSource {
  readonly sizeBytes: number;
  readonly #source: ByteSource;
  readonly #start: number;

  /** The part is cut where the source ends. */
  constructor(source: ByteSource, start: number, sizeBytes: number) {
    this.#source = source;
    this.#start = start;
    this.sizeBytes = Math.max(0, Math.min(sizeBytes, source.sizeBytes - start));
  }

  readAt(offset: number, length: number): Uint8Array {
    const room = Math.min(length, this.sizeBytes - offset);
    return offset < 0 || room <= 0 ? new Uint8Array(0) : this.#source.readAt(this.#start + offset, room);
  }
}
