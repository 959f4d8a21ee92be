import type { FlameTree } from "./flame_tree.ts";
import { findPosition, type FlameLayout } from "./layout.ts";
import type { Palette, Pixel } from "./palette.ts";

/** What decides the colours of frames. */
export interface FlameColors {
  readonly palette: Palette;
  /** By symbol: index into the palette. */
  readonly shades: Uint8Array;
  /** By symbol: 1 stays in full colour; undefined when nothing is searched. */
  readonly matches: Uint8Array | undefined;
  /** Levels above this one only lead to what is zoomed into and are faded. */
  readonly zoomLevel: number;
}

/** One level to be painted, between two weights. */
export interface LevelPart {
  readonly tree: FlameTree;
  readonly layout: FlameLayout;
  readonly level: number;
  readonly from: number;
  readonly to: number;
}

/** Called for frames wide enough for a label, with their edges in pixels. */
export type OnWideFrame = (node: number, left: number, right: number, full: boolean) => void;

/**
 * Paints one level into a row of pixels, which must be empty (0). Frames outside are culled by halving; of the frames
 * that share one pixel the first shows, or the first that matches a search. So time grows with the row's width and
 * the logarithm of the number of frames. Frames of three pixels or more end with an empty one. Returns the pixels set.
 */
export function paintLevel(
  row: Uint32Array,
  part: LevelPart,
  options: { colors: FlameColors; wideFrom: number; onWide: OnWideFrame },
): number {
  const { tree, layout, level, from, to } = part;
  const { colors, wideFrom, onWide } = options;
  const { node, start } = layout;
  const { matches, shades, palette } = colors;
  const scale = row.length / (to - from);
  const end = layout.levelStart[level + 1]!;
  const leads = level < colors.zoomLevel;
  let painted = 0;
  let position = findPosition(tree, layout, level, from);
  while (position < end) {
    const weight = start[position]!;
    if (weight >= to) break;
    const at = node[position]!;
    const symbol = tree.symbol[at]!;
    const full = !leads && (matches === undefined || (symbol >= 0 && matches[symbol] === 1));
    const color: Pixel =
      (full ? palette.full : palette.faded)[symbol < 0 ? palette.full.length - 1 : shades[symbol]!]!;
    const left = Math.max(0, (weight - from) * scale);
    const right = Math.min(row.length, (weight + tree.total[at]! - from) * scale);
    const first = Math.round(left);
    const last = Math.round(right);
    if (last - first >= 2) {
      const until = last - first > 2 ? last - 1 : last;
      row.fill(color, first, until);
      painted += until - first;
      if (right - left >= wideFrom) onWide(at, left, right, full);
      position++;
      continue;
    }
    const pixel = Math.min(row.length - 1, Math.floor(left));
    if (row[pixel] === 0 || (full && matches !== undefined)) {
      row[pixel] = color;
      painted++;
    }
    // Whatever else lies within this pixel would not show; only matches must be looked for one by one.
    position = matches === undefined && !leads
      ? Math.max(position + 1, findPosition(tree, layout, level, from + (pixel + 1) / scale))
      : position + 1;
  }
  return painted;
}
