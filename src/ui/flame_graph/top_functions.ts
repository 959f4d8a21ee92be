import type { FlameTree } from "./flame_tree.ts";

/** One function over all its places in the tree. */
export interface TopFunction {
  readonly symbol: number;
  readonly self: number;
  /** Recursion counts once. */
  readonly total: number;
  /** Its place that weighs most. */
  readonly widest: number;
}

/** Sums every function; in falling order of self weight. */
export function topFunctions(tree: FlameTree): TopFunction[] {
  const self = new Float64Array(tree.symbols.length);
  const total = new Float64Array(tree.symbols.length);
  const widest = new Int32Array(tree.symbols.length).fill(-1);
  const open = new Int32Array(tree.symbols.length);
  // Depth first without recursion: an entry below zero leaves the node it stands for.
  const pending: number[] = [];
  for (let child = tree.firstChild[0] ?? -1; child >= 0; child = tree.nextSibling[child]!) {
    pending.push(child);
  }
  while (pending.length > 0) {
    const entry = pending.pop()!;
    if (entry < 0) {
      const symbol = tree.symbol[-entry]!;
      open[symbol] = open[symbol]! - 1;
      continue;
    }
    const symbol = tree.symbol[entry]!;
    self[symbol] = self[symbol]! + tree.self[entry]!;
    if (open[symbol] === 0) total[symbol] = total[symbol]! + tree.total[entry]!;
    if (widest[symbol]! < 0 || tree.total[entry]! > tree.total[widest[symbol]!]!) widest[symbol] = entry;
    open[symbol] = open[symbol]! + 1;
    pending.push(-entry);
    for (let child = tree.firstChild[entry]!; child >= 0; child = tree.nextSibling[child]!) {
      pending.push(child);
    }
  }
  const functions: TopFunction[] = [];
  for (let symbol = 0; symbol < self.length; symbol++) {
    if (widest[symbol]! < 0) continue;
    functions.push({ symbol, self: self[symbol]!, total: total[symbol]!, widest: widest[symbol]! });
  }
  return functions.sort((one, two) => two.self - one.self || two.total - one.total);
}
