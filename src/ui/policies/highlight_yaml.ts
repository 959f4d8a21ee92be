/** A piece of a line of YAML and how it is coloured. */
export interface YamlPiece {
  readonly kind: "key" | "comment" | "plain";
  readonly text: string;
}

/** Splits one line into coloured pieces; joined they are the line. A sketch for the eye, not a parser. */
export function highlightYaml(line: string): YamlPiece[] {
  const commentAt = findComment(line);
  const pieces: YamlPiece[] = [];
  const code = line.slice(0, commentAt);
  let rest = 0;
  for (const match of code.matchAll(/([\w.-]+)(?=:(?:\s|$))/g)) {
    if (match.index > rest) pieces.push({ kind: "plain", text: code.slice(rest, match.index) });
    pieces.push({ kind: "key", text: match[0] });
    rest = match.index + match[0].length;
  }
  if (rest < code.length) pieces.push({ kind: "plain", text: code.slice(rest) });
  if (commentAt < line.length) pieces.push({ kind: "comment", text: line.slice(commentAt) });
  return pieces;
}

/** Whether any line of the text has a comment. */
export function hasComments(text: string): boolean {
  return text.split("\n").some((line) => findComment(line) < line.length);
}

/** Index of the comment's `#`, outside quotes and after a blank; the line's length when there is none. */
function findComment(line: string): number {
  let quote = "";
  for (let index = 0; index < line.length; index++) {
    const character = line[index];
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "#" && (index === 0 || /\s/.test(line[index - 1] ?? ""))) return index;
  }
  return line.length;
}
