import type { FlameTree } from "./flame_tree.ts";

/**
 * Where every node of a tree lies, level by level and within a level from left to right. Places are in units of weight,
 * so that one layout serves every zoom. Siblings are in falling order of weight.
 */
export interface FlameLayout {
  readonly levels: number;
  /** First position of each level; one more than levels. */
  readonly levelStart: Int32Array;
  /** Node at each position. */
  readonly node: Int32Array;
  /** Left edge of the node at each position. */
  readonly start: Float64Array;
  /** Position of each node. */
  readonly position: Int32Array;
  /** Level of each node; 0 for node 0. */
  readonly level: Uint16Array;
}

const mostByInsertion = 24;

/** Lays out a tree. Linear but for sorting siblings. */
export function layoutFlames(tree: FlameTree): FlameLayout {
  const { size, firstChild, nextSibling, total } = tree;
  const node = new Int32Array(size);
  const start = new Float64Array(size);
  const position = new Int32Array(size);
  const level = new Uint16Array(size);
  const levelStart = [0];
  let filled = 1;
  let read = 0;
  while (read < filled) {
    const levelEnd = filled;
    for (; read < levelEnd; read++) {
      const parent = node[read]!;
      position[parent] = read;
      const first = filled;
      for (let child = firstChild[parent]!; child >= 0; child = nextSibling[child]!) node[filled++] = child;
      if (filled - first > 1) sortByWeight(node, { first, end: filled, total });
      let left = start[read]!;
      for (let at = first; at < filled; at++) {
        const child = node[at]!;
        start[at] = left;
        level[child] = levelStart.length;
        left += total[child]!;
      }
    }
    levelStart.push(levelEnd);
  }
  return {
    levels: levelStart.length - 1,
    levelStart: Int32Array.from(levelStart),
    node,
    start,
    position,
    level,
  };
}

/** Heaviest first, equals in the order in which they were first seen; by insertion where that is quicker. */
function sortByWeight(
  node: Int32Array,
  { first, end, total }: { first: number; end: number; total: Float64Array },
): void {
  if (end - first > mostByInsertion) {
    node.subarray(first, end).sort((one, two) => total[two]! - total[one]! || one - two);
    return;
  }
  for (let at = first + 1; at < end; at++) {
    const moving = node[at]!;
    const weight = total[moving]!;
    let place = at;
    for (; place > first; place--) {
      const before = node[place - 1]!;
      if (total[before]! > weight || (total[before] === weight && before < moving)) break;
      node[place] = before;
    }
    node[place] = moving;
  }
}

/** First position of a level whose right edge lies beyond `weight`; the level's end when there is none. */
export function findPosition(tree: FlameTree, layout: FlameLayout, level: number, weight: number): number {
  let low = layout.levelStart[level] ?? 0;
  let high = layout.levelStart[level + 1] ?? low;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (layout.start[middle]! + tree.total[layout.node[middle]!]! <= weight) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Node of a level that covers `weight`; undefined in a gap. */
export function findNode(
  tree: FlameTree,
  layout: FlameLayout,
  place: { level: number; weight: number },
): number | undefined {
  if (place.level < 0 || place.level >= layout.levels) return undefined;
  const position = findPosition(tree, layout, place.level, place.weight);
  if (position >= layout.levelStart[place.level + 1]! || layout.start[position]! > place.weight) {
    return undefined;
  }
  return layout.node[position];
}
