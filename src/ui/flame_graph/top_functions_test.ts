/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { buildFlameTree } from "./flame_tree.ts";
import { sampleProfile } from "./sample_profile.ts";
import { topFunctions } from "./top_functions.ts";

Deno.test("topFunctions() counts a recursive function's total once", () => {
  const tree = buildFlameTree(sampleProfile);
  const top = topFunctions(tree).map(({ symbol, self, total }) => [tree.symbols[symbol]!.name, self, total]);
  assert.deepEqual(top, [["c", 7, 7], ["a", 3, 6], ["b", 3, 4], ["main", 0, 13]]);
});
