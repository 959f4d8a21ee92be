/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { buildFlameTree } from "./flame_tree.ts";
import { findNode, findPosition, layoutFlames } from "./layout.ts";
import { sampleProfile } from "./sample_profile.ts";

Deno.test("layoutFlames() puts children side by side within their parent, heaviest first", () => {
  const tree = buildFlameTree(sampleProfile);
  const layout = layoutFlames(tree);
  assert.equal(layout.levels, 5);
  for (let node = 1; node < tree.size; node++) {
    const parent = tree.parent[node]!;
    const start = layout.start[layout.position[node]!]!;
    const parentStart = layout.start[layout.position[parent]!]!;
    assert.ok(start >= parentStart && start + tree.total[node]! <= parentStart + tree.total[parent]!);
    assert.equal(layout.level[node], layout.level[parent]! + 1);
    assert.equal(layout.node[layout.position[node]!], node);
  }
  for (let level = 0; level < layout.levels; level++) {
    const [from, to] = [layout.levelStart[level]!, layout.levelStart[level + 1]!];
    for (let at = from + 1; at < to; at++) {
      const before = layout.node[at - 1]!;
      assert.ok(layout.start[at]! >= layout.start[at - 1]! + tree.total[before]!);
    }
  }
  const second = [...layout.node.slice(layout.levelStart[2], layout.levelStart[3])];
  assert.deepEqual(second.map((node) => tree.symbols[tree.symbol[node]!]!.name), ["c", "a"]);
});

Deno.test("findNode() gives the frame under a place, and nothing in a gap", () => {
  const tree = buildFlameTree(sampleProfile);
  const layout = layoutFlames(tree);
  const name = (level: number, weight: number) => {
    const node = findNode(tree, layout, { level, weight });
    return node === undefined ? undefined : tree.symbols[tree.symbol[node]!]?.name;
  };
  assert.equal(name(1, 0), "main");
  assert.equal(name(2, 6.9), "c");
  assert.equal(name(2, 7), "a");
  assert.equal(name(3, 3), undefined);
  assert.equal(name(3, 8), "b");
  assert.equal(name(9, 0), undefined);
  assert.equal(findPosition(tree, layout, 2, 13), layout.levelStart[3]);
});
