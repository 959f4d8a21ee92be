/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { buildFlameTree } from "./flame_tree.ts";
import { sampleProfile } from "./sample_profile.ts";
import { compileSearch, matchFlames } from "./search.ts";

Deno.test("matchFlames() counts frames above one another once", () => {
  const tree = buildFlameTree(sampleProfile);
  assert.deepEqual(
    [matchFlames(tree, (name) => name === "a").weight, matchFlames(tree, (name) => name !== "main").weight],
    [6, 13],
  );
  assert.equal(matchFlames(tree, () => true).weight, 13);
  assert.equal(matchFlames(tree, () => false).weight, 0);
});

Deno.test("compileSearch() takes a broken expression as plain text and heeds capitals only when typed", () => {
  assert.equal(compileSearch(""), undefined);
  assert.equal(compileSearch("^std::")!.test("my::std::x"), false);
  assert.equal(compileSearch("foo(")!.plain, true);
  assert.equal(compileSearch("foo(")!.test("Foo(int)"), true);
  assert.equal(compileSearch("Foo")!.test("foo"), false);
});
