/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { buildFlameTree } from "./flame_tree.ts";
import { layoutFlames } from "./layout.ts";
import { type FlameStep, stepFrom } from "./move.ts";
import { sampleProfile } from "./sample_profile.ts";

function walk(...steps: FlameStep[]): string {
  const tree = buildFlameTree(sampleProfile);
  const layout = layoutFlames(tree);
  let node = 0;
  for (const step of steps) node = stepFrom(tree, layout, { node, step });
  return tree.symbols[tree.symbol[node]!]?.name ?? "all";
}

Deno.test("stepFrom() goes to the heaviest child, to neighbours of the level, and back to the parent", () => {
  assert.equal(walk("child", "child"), "c");
  assert.equal(walk("child", "child", "next"), "a");
  assert.equal(walk("child", "child", "next", "child"), "b");
  assert.equal(walk("child", "child", "next", "previous"), "c");
  assert.equal(walk("child", "child", "parent"), "main");
});

Deno.test("stepFrom() stays where there is no frame to go to", () => {
  assert.equal(walk("parent"), "all");
  assert.equal(walk("child", "child", "previous"), "c");
  assert.equal(walk("child", "child", "child"), "c");
  assert.equal(walk("child", "next"), "main");
});
