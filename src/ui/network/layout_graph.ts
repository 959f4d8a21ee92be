import { type FoldedGraph, type Line, type Row, sides } from "./fold_graph.ts";
import type { Side } from "./network_graph.ts";

/** A row's card. */
export interface PlacedRow extends Row {
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

/** A line with its ends at cards' edges: from the process's to the peer's. */
export interface PlacedLine extends Line {
  readonly process: string;
  readonly from: { readonly x: number; readonly y: number };
  readonly to: { readonly x: number; readonly y: number };
  /** Both ends are on the same side of the same column. */
  readonly isInner: boolean;
}

/** A map in CSS pixels. */
export interface PlacedGraph {
  readonly rows: readonly PlacedRow[];
  readonly lines: readonly PlacedLine[];
  readonly cardWidth: number;
  readonly width: number;
  readonly height: number;
}

const cardHeight = 64;
/** A process has a line of words for each of its sides. */
const processHeight = 80;
const cardGap = 12;
/** Between the ends of lines on one card: a line of words fits. */
const portGap = 19;
/** Beyond so many lines they have no words, and stand closer. */
const mostLabelled = 60;
const closePortGap = 6;
const narrowest = 720;

/** Places clients at the left, processes in the middle, servers at the right; all columns begin at the top, so that nothing moves
 * when a row is added below. */
export function layoutGraph(folded: FoldedGraph, room: number): PlacedGraph {
  const width = Math.max(narrowest, room);
  const cardWidth = Math.round(Math.max(180, Math.min(330, width * 0.245)));
  const gap = folded.lines.length > mostLabelled ? closePortGap : portGap;
  const places = new Map(sides.flatMap((side) => folded.columns[side].map((row, index) => [row.key, index])));
  const ports = new Map<string, Line[]>();
  for (const line of folded.lines) {
    for (const port of portsOf(line, folded)) pushTo(ports, port.key, line);
  }
  const rows = new Map<string, PlacedRow>();
  const x: Record<Side, number> = {
    client: 0,
    process: Math.round((width - cardWidth) / 2),
    server: width - cardWidth,
  };
  let height = 0;
  for (const side of sides) {
    let y = 0;
    for (const row of folded.columns[side]) {
      const most = Math.max(...["left", "right"].map((end) => ports.get(`${row.key} ${end}`)?.length ?? 0));
      const least = side === "process" ? processHeight : cardHeight;
      const rowHeight = Math.max(least, most * gap + 12);
      rows.set(row.key, { ...row, x: x[side], y, height: rowHeight });
      y += rowHeight + cardGap;
    }
    height = Math.max(height, y - cardGap);
  }
  const ends = placePorts(ports, { rows, places, gap, cardWidth });
  const lines = folded.lines.flatMap((line): PlacedLine[] => {
    const [from, to] = portsOf(line, folded).map(({ key }) => ends.get(`${key} ${line.key}`));
    return from === undefined || to === undefined
      ? []
      : [{ ...line, from, to, isInner: isInner(line, folded) }];
  });
  return { rows: [...rows.values()], lines, cardWidth, width, height: Math.max(height, cardHeight) };
}

/** Whether lines have their words written beside them. */
export function hasLabels({ lines }: { readonly lines: readonly unknown[] }): boolean {
  return lines.length <= mostLabelled;
}

function isInner({ peer }: Line, { columns }: FoldedGraph): boolean {
  return columns.process.some(({ key }) => key === peer);
}

/** The two ends of a line: which card, and at which side of it. */
function portsOf(line: Line, folded: FoldedGraph): readonly [{ key: string }, { key: string }] {
  if (isInner(line, folded)) return [{ key: `${line.process} right` }, { key: `${line.peer} right` }];
  return line.side === "client"
    ? [{ key: `${line.process} left` }, { key: `${line.peer} right` }]
    : [{ key: `${line.process} right` }, { key: `${line.peer} left` }];
}

/** Ends of lines down a card's side, in the order of the rows at their other ends, so that lines of one card do not cross. */
function placePorts(
  ports: ReadonlyMap<string, readonly Line[]>,
  { rows, places, gap, cardWidth }: {
    rows: ReadonlyMap<string, PlacedRow>;
    places: ReadonlyMap<string, number>;
    gap: number;
    cardWidth: number;
  },
): Map<string, { x: number; y: number }> {
  const ends = new Map<string, { x: number; y: number }>();
  for (const [port, lines] of ports) {
    const space = port.lastIndexOf(" ");
    const row = rows.get(port.slice(0, space));
    if (row === undefined) continue;
    const other = (line: Line) => places.get(line.process === row.key ? line.peer : line.process) ?? 0;
    const sorted = [...lines].sort((one, two) => other(one) - other(two) || (one.key < two.key ? -1 : 1));
    const first = row.y + row.height / 2 - (sorted.length - 1) * gap / 2;
    for (const [index, line] of sorted.entries()) {
      const x = row.x + (port.endsWith("right") ? cardWidth : 0);
      ends.set(`${port} ${line.key}`, { x, y: first + index * gap });
    }
  }
  return ends;
}

function pushTo<T>(table: Map<string, T[]>, key: string, value: T): void {
  const known = table.get(key);
  if (known === undefined) table.set(key, [value]);
  else known.push(value);
}
