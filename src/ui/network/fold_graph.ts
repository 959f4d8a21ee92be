import type { GraphLink, GraphNode, NetworkGraph, Side } from "./network_graph.ts";
import { type TrafficSum, unite } from "./traffic_sum.ts";

/** A row of a column: a node, or all that found no row. */
export interface Row {
  readonly key: string;
  readonly side: Side;
  /** Undefined stands for the `count` others. */
  readonly node: GraphNode | undefined;
  readonly count: number;
  readonly sum: TrafficSum;
}

/** A line between two rows. */
export interface Line {
  readonly key: string;
  readonly process: string;
  readonly peer: string;
  readonly side: "client" | "server";
  readonly links: readonly GraphLink[];
  readonly sum: TrafficSum;
}

/** A graph with no more rows than are shown. */
export interface FoldedGraph {
  readonly columns: Readonly<Record<Side, readonly Row[]>>;
  readonly lines: readonly Line[];
}

export const sides: readonly Side[] = ["client", "process", "server"];

/** Joins the nodes that are not shown into one row a column, and their lines with them. */
export function foldGraph(
  { nodes, links }: NetworkGraph,
  shown: Readonly<Record<Side, readonly string[]>>,
): FoldedGraph {
  const visible = new Set(sides.flatMap((side) => shown[side]));
  const rowOf = (key: string) => visible.has(key) ? key : `rest ${nodes.get(key)?.side ?? "server"}`;
  const hidden = [...nodes.values()].filter(({ key }) => !visible.has(key));
  const column = (side: Side): Row[] => {
    const rows = shown[side].flatMap((key): Row[] => {
      const node = nodes.get(key);
      return node === undefined ? [] : [{ key, side, node, count: 1, sum: node.sum }];
    });
    const rest = hidden.filter((node) => node.side === side);
    if (rest.length === 0) return rows;
    const sum = unite(rest.map((node) => node.sum));
    return [...rows, { key: `rest ${side}`, side, node: undefined, count: rest.length, sum }];
  };
  const groups = Map.groupBy(links, (link) => {
    const [process, peer] = [rowOf(link.process), rowOf(link.peer)];
    const folded = process.startsWith("rest ") || peer.startsWith("rest ");
    return folded ? [process, peer, link.side].join(" ") : link.key;
  });
  const lines = [...groups].map(([key, group]): Line => {
    const [first] = group;
    return {
      ...{ key, links: group, side: first!.side, process: rowOf(first!.process), peer: rowOf(first!.peer) },
      sum: group.length === 1 ? first!.sum : unite(group.map(({ sum }) => sum)),
    };
  });
  return {
    columns: { client: column("client"), process: column("process"), server: column("server") },
    lines,
  };
}
