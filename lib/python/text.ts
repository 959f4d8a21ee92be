const utf16 = new TextDecoder("utf-16le");
const replacement = "\uFFFD";
const maxCodePoint = 0x10ffff;

/** Decodes the characters of a str of 1, 2 or 4 bytes each; what is no character becomes U+FFFD. */
export function decodePythonText(bytes: Uint8Array, width: number): string {
  if (width === 1) return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  if (width === 2) return utf16.decode(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = view.getUint32(at, true);
    const isCharacter = point <= maxCodePoint && (point < 0xd800 || point > 0xdfff);
    text += isCharacter ? String.fromCodePoint(point) : replacement;
  }
  return text;
}
