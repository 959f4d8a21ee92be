import { escapeControl } from "../../lib/escape.ts";

/**
 * Lays rows out in columns two spaces apart, the first row being the heads. Cells are text of any origin: control
 * characters are shown escaped. Columns of which every cell but the head is a number stand on the right.
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(escapeControl));
  const columns = Math.max(0, ...cells.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, at) => Math.max(...cells.map((row) => width(row[at] ?? ""))),
  );
  const numeric = widths.map((_, at) =>
    cells.length > 1 && cells.slice(1).every((row) => /^-?[\d.]*( ?%)?$/.test(row[at] ?? ""))
  );
  return cells.map((row) =>
    row.map((cell, at) => {
      const space = " ".repeat(widths[at]! - width(cell));
      return numeric[at] ? space + cell : cell + space;
    }).join("  ").trimEnd() + "\n"
  ).join("");
}

/** RFC 3339 in UTC to the second; `-` when there is no time. */
export function formatTime(unixMs: number | bigint): string {
  const time = Number(unixMs);
  return time === 0 ? "-" : new Date(time).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** Columns that text takes on a terminal: wide East Asian characters and emoji take two, combining marks none. */
function width(text: string): number {
  let columns = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const code = segment.codePointAt(0)!;
    const wide = code >= 0x1100 && (code <= 0x115f || (code >= 0x2e80 && code <= 0xa4cf) ||
      (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) || code >= 0x1f300);
    columns += wide ? 2 : 1;
  }
  return columns;
}
