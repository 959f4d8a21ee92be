import type { FlameTree } from "./flame_tree.ts";

/** Keys of the symbols from below node 0 down to the node; the same in every tree of a task. */
export function pathOf(tree: FlameTree, node: number): string[] {
  const path: string[] = [];
  for (let at = node; at > 0; at = tree.parent[at]!) path.push(tree.symbols[tree.symbol[at]!]!.key);
  return path.reverse();
}

/** Node at the end of a path, or the last one on the way that this tree has. */
export function followPath(tree: FlameTree, path: readonly string[]): number {
  let node = 0;
  for (const key of path) {
    let child = tree.firstChild[node]!;
    while (child >= 0 && tree.symbols[tree.symbol[child]!]!.key !== key) child = tree.nextSibling[child]!;
    if (child < 0) return node;
    node = child;
  }
  return node;
}
