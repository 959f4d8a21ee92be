/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { FrameKind, type Profile, ProfileSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import { buildFlameTree } from "./flame_tree.ts";
import { findNode, findPosition, layoutFlames } from "./layout.ts";
import { followPath, pathOf } from "./path.ts";
import { compileSearch, matchFlames } from "./search.ts";
import { topFunctions } from "./top_functions.ts";

/** `stacks` are written root first, as people read them. */
function profileOf(stacks: readonly (readonly [string, number, number?])[]): Profile {
  const strings = [""];
  const index = (text: string) => {
    const at = strings.indexOf(text);
    return at >= 0 ? at : strings.push(text) - 1;
  };
  const module = index("/usr/bin/demo");
  const names = [...new Set(stacks.flatMap(([path]) => path.split(";")))];
  return create(ProfileSchema, {
    frames: names.map((name) => ({ kind: FrameKind.USER, function: index(name), module, address: 1n })),
    stacks: stacks.map(([path]) => ({ frames: path.split(";").reverse().map((name) => names.indexOf(name)) })),
    strings,
    threads: [{ tid: 1, name: "one" }, { tid: 2, name: "two" }],
    sampleStacks: stacks.map((_, at) => at),
    sampleThreads: stacks.map(([, , thread]) => thread ?? 0),
    sampleWeights: stacks.map(([, weight]) => BigInt(weight)),
  });
}

const demo = profileOf([["main;a;b", 3], ["main;a", 2], ["main;c", 7, 1], ["main;a;b;a", 1]]);

Deno.test("buildFlameTree() merges common beginnings and keeps self and total when stacks share frames", () => {
  const tree = buildFlameTree(demo);
  const totals = (path: string) => {
    const keys = path.split(";").map((name) => tree.symbols.find((symbol) => symbol.name === name)!.key);
    const node = followPath(tree, keys);
    return [tree.self[node], tree.total[node]];
  };
  assert.equal(tree.total[0], 13);
  assert.equal(tree.size, 6);
  assert.deepEqual(totals("main"), [0, 13]);
  assert.deepEqual(totals("main;a"), [2, 6]);
  assert.deepEqual(totals("main;a;b"), [3, 4]);
  assert.deepEqual(totals("main;a;b;a"), [1, 1]);
});

Deno.test("buildFlameTree() keeps only one thread's samples when a thread is asked for", () => {
  const tree = buildFlameTree(demo, 1);
  assert.equal(tree.total[0], 7);
  assert.equal(tree.size, 3);
});

Deno.test("buildFlameTree() merges frames of one function when their addresses differ", () => {
  const profile = profileOf([["main;x", 1], ["main;y", 2]]);
  profile.frames[2]!.function = profile.frames[1]!.function;
  assert.equal(buildFlameTree(profile).size, 3);
});

Deno.test("buildFlameTree() names a frame by module and address when it has no name", () => {
  const profile = profileOf([["x", 1]]);
  profile.frames[0]!.function = 0;
  profile.frames[0]!.address = 0x1f0n;
  assert.equal(buildFlameTree(profile).symbols[0]!.name, "demo+0x1f0");
});

Deno.test("buildFlameTree() passes over indexes that point nowhere", () => {
  const profile = profileOf([["main", 5]]);
  profile.stacks[0]!.frames.push(99);
  profile.sampleStacks.push(42);
  profile.sampleThreads.push(0);
  profile.sampleWeights.push(8n);
  assert.equal(buildFlameTree(profile).total[0], 5);
});

Deno.test("buildFlameTree() keeps every weight when the tree outgrows its first tables", () => {
  const stacks = Array.from({ length: 3000 }, (_, at) => [`main;f${at};g${at % 7}`, 1 + (at % 3)] as const);
  const tree = buildFlameTree(profileOf(stacks));
  assert.equal(tree.size, 1 + 1 + 3000 + 3000);
  assert.equal(tree.total[0], stacks.reduce((sum, [, weight]) => sum + weight, 0));
  assert.equal(tree.self.reduce((sum, weight) => sum + weight, 0), tree.total[0]);
});

Deno.test("layoutFlames() puts children side by side within their parent, heaviest first", () => {
  const tree = buildFlameTree(demo);
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
  const tree = buildFlameTree(demo);
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

Deno.test("followPath() finds the same frame in another tree, or the last one known on the way", () => {
  const tree = buildFlameTree(demo);
  const other = buildFlameTree(demo, 1);
  const deepest = tree.size - 1;
  assert.equal(followPath(tree, pathOf(tree, deepest)), deepest);
  assert.equal(other.symbols[other.symbol[followPath(other, pathOf(tree, deepest))]!]!.name, "main");
});

Deno.test("matchFlames() counts frames above one another once", () => {
  const tree = buildFlameTree(demo);
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

Deno.test("topFunctions() counts a recursive function's total once", () => {
  const tree = buildFlameTree(demo);
  const top = topFunctions(tree).map(({ symbol, self, total }) => [tree.symbols[symbol]!.name, self, total]);
  assert.deepEqual(top, [["c", 7, 7], ["a", 3, 6], ["b", 3, 4], ["main", 0, 13]]);
});
