/** Writes protobuf by hand, from field numbers and nothing else, to compare with what the generated code makes. */
type Part = number[];

/** Varint. */
export function varint(value: number | bigint): Part {
  const bytes: Part = [];
  let left = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(left & 0x7fn);
    left >>= 7n;
    bytes.push(left > 0n ? low | 0x80 : low);
  } while (left > 0n);
  return bytes;
}

/** A field of wire type 0. */
export function number(field: number, value: number | bigint): Part {
  return [...varint(field << 3), ...varint(value)];
}

/** A field of wire type 1: a double, little-endian. */
export function double(field: number, value: number): Part {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [...varint(field << 3 | 1), ...bytes];
}

/** A field of wire type 2 that holds text. */
export function text(field: number, value: string): Part {
  const bytes = [...new TextEncoder().encode(value)];
  return [...varint(field << 3 | 2), ...varint(bytes.length), ...bytes];
}

/** A field of wire type 2 that holds a message. */
export function message(field: number, ...parts: Part[]): Part {
  const bytes = parts.flat();
  return [...varint(field << 3 | 2), ...varint(bytes.length), ...bytes];
}

/** A message as it goes over the wire. */
export function bytes(...parts: Part[]): Uint8Array {
  return Uint8Array.from(parts.flat());
}
