/** One line of a comparison. */
export interface DiffLine {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

const mostCells = 4_000_000;

/** Compares two texts line by line: the longest common sequence stays, the rest is removed or added. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  if (old.length * fresh.length > mostCells) {
    return [
      ...old.map((text): DiffLine => ({ kind: "removed", text })),
      ...fresh.map((text): DiffLine => ({ kind: "added", text })),
    ];
  }
  const width = fresh.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  for (let one = old.length - 1; one >= 0; one--) {
    for (let two = fresh.length - 1; two >= 0; two--) {
      const at = one * width + two;
      longest[at] = old[one] === fresh[two]
        ? longest[at + width + 1]! + 1
        : Math.max(longest[at + width]!, longest[at + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [one, two] = [0, 0];
  while (one < old.length || two < fresh.length) {
    const at = one * width + two;
    if (one < old.length && two < fresh.length && old[one] === fresh[two]) {
      lines.push({ kind: "same", text: old[one]! });
      one++;
      two++;
    } else if (two >= fresh.length || (one < old.length && longest[at + width]! >= longest[at + 1]!)) {
      lines.push({ kind: "removed", text: old[one++]! });
    } else {
      lines.push({ kind: "added", text: fresh[two++]! });
    }
  }
  return lines;
}
