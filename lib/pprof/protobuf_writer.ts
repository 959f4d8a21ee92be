const encoder = new TextEncoder();
const varintType = 0;
const bytesType = 2;

/** Writes the two kinds of protobuf field that a profile is made of. */
export class ProtobufWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** A view, valid until the next write. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** A field of an integer type; 0 is the default and left out. Negative numbers are written as int64. */
  integer(field: number, value: number | bigint): void {
    if (value === 0 || value === 0n) return;
    this.#varint(field * 8 + varintType);
    this.#varint(value);
  }

  /** A repeated field of an integer type, packed. */
  integers(field: number, values: Iterable<number | bigint>): void {
    const packed = new ProtobufWriter();
    for (const value of values) packed.#varint(value);
    if (packed.#length > 0) this.raw(field, packed.bytes);
  }

  text(field: number, text: string): void {
    this.raw(field, encoder.encode(text));
  }

  /** A message or bytes. */
  raw(field: number, bytes: Uint8Array): void {
    this.#varint(field * 8 + bytesType);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === "number" && value >= 0 && value < 2 ** 31) {
      let rest = value;
      for (; rest > 127; rest >>>= 7) this.#bytes[this.#length++] = (rest & 127) | 128;
      this.#bytes[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 127n) | 128;
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}
