/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { buildFlameTree } from "./flame_tree.ts";
import { followPath, pathOf } from "./path.ts";
import { sampleProfile } from "./sample_profile.ts";

Deno.test("followPath() finds the same frame in another tree, or the last one known on the way", () => {
  const tree = buildFlameTree(sampleProfile);
  const other = buildFlameTree(sampleProfile, { thread: 1 });
  const deepest = tree.size - 1;
  assert.equal(followPath(tree, pathOf(tree, deepest)), deepest);
  assert.equal(other.symbols[other.symbol[followPath(other, pathOf(tree, deepest))]!]!.name, "main");
});
