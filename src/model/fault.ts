/** What is wrong with one value and what to do about it; reads on from the field's name: "… needs a unit". */
export class Fault {
  readonly what: string;
  readonly fix: string;

  constructor(what: string, fix: string) {
    this.what = what;
    this.fix = fix;
  }
}

/** A value of a policy's text inside a message: quoted, on one line, without invisible characters, cut in the middle. */
export function quoteValue(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return showText(text.length > 60 ? `${text.slice(0, 40)}…${text.slice(-15)}` : text);
}

/** Somebody else's words inside a message: on one line, without invisible characters, cut at 200. */
export function showText(text: string): string {
  return text.slice(0, 200).replace(invisible, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

// Controls, bidirectional marks, zero-width characters, and halves of surrogate pairs that a cut left behind.
// deno-lint-ignore no-control-regex
const invisible = /[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;
