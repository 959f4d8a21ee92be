import { findPosition, type FlameLayout } from "./layout.ts";
import type { FlameTree } from "./flame_tree.ts";

/** A step from one frame to a near one. */
export type FlameStep = "parent" | "child" | "previous" | "next";

/** The frame one step away; the same one where there is none. `child` is the heaviest. */
export function stepFrom(
  tree: FlameTree,
  layout: FlameLayout,
  from: { node: number; step: FlameStep },
): number {
  const { node, step } = from;
  const position = layout.position[node]!;
  const level = layout.level[node]!;
  switch (step) {
    case "parent":
      return Math.max(0, tree.parent[node]!);
    case "child": {
      if (level + 1 >= layout.levels) return node;
      const child = layout.node[findPosition(tree, layout, level + 1, layout.start[position]!)];
      return child !== undefined && tree.parent[child] === node ? child : node;
    }
    case "previous":
      return position > layout.levelStart[level]! ? layout.node[position - 1]! : node;
    case "next":
      return position + 1 < layout.levelStart[level + 1]! ? layout.node[position + 1]! : node;
  }
}
