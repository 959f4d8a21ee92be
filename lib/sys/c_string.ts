const encoder = new TextEncoder();

/**
 * Returns text as C wants it, with a NUL at its end.
 *
 * @throws {TypeError} when the text holds a NUL: C would silently use only what stands before it.
 */
export function encodeCString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError(`Cannot pass text with a NUL to C: ${JSON.stringify(text)}`);
  return encoder.encode(`${text}\0`);
}
