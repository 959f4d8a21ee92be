/** Control, format (bidi marks, zero width), lone surrogate, and line or paragraph separator characters. */
const hostile = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const shortForms: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Makes text of unknown origin harmless on a terminal and in a log line: whatever could move the cursor, change
 * colours, reverse the reading order or start a new line is shown as `\n`, `\x1b` or `\u{202e}`.
 */
export function escapeControl(text: string): string {
  return text.replace(hostile, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return shortForms[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`);
}
