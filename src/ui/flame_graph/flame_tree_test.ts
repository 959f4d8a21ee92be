/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { FrameKind, type Profile } from "../../gen/stakeout/v1/profile_pb.ts";
import { buildFlameTree } from "./flame_tree.ts";
import { followPath } from "./path.ts";
import { profileOf, sampleProfile } from "./sample_profile.ts";

Deno.test("buildFlameTree() merges common beginnings and keeps self and total when stacks share frames", () => {
  const tree = buildFlameTree(sampleProfile);
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
  const tree = buildFlameTree(sampleProfile, { thread: 1 });
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

Deno.test("buildFlameTree() tells the heaviest line of a function, and whether it was inlined everywhere", () => {
  const profile = profileOf([["main;x", 1], ["main;y", 2], ["main;z", 2], ["main;w", 1]]);
  const file = profile.strings.push("/src/x.c") - 1;
  // Four addresses of one function, two of them on one line.
  for (const [index, line] of [[1, 7], [2, 8], [3, 9], [4, 9]] as const) {
    Object.assign(profile.frames[index]!, {
      function: profile.frames[1]!.function,
      file,
      line,
      inlined: true,
    });
  }
  const [main, x] = buildFlameTree(profile).symbols;
  assert.deepEqual([x!.place, x!.inlined], ["/src/x.c:9", true]);
  assert.deepEqual([main!.place, main!.inlined], ["", false]);
  profile.frames[1]!.inlined = false;
  assert.equal(buildFlameTree(profile).symbols[1]!.inlined, false);
});

/** A script: main calls handler, interpreted in 2 samples and compiled in 7, which the runtime's glue calls. */
function scriptProfile(): Profile {
  const profile = profileOf([["main;glue;handler", 7], ["main;glue;slow;glue", 2]]);
  const file = profile.strings.push("/srv/app.js") - 1;
  const [main, glue, handler, slow] = profile.frames;
  Object.assign(main!, { runtime: true });
  Object.assign(glue!, { runtime: true });
  Object.assign(handler!, { kind: FrameKind.JIT, file, line: 3 });
  Object.assign(slow!, { kind: FrameKind.INTERPRETED, function: handler!.function, file, line: 3 });
  return profile;
}

Deno.test("buildFlameTree() leaves out frames of runtimes and gives their weight to the caller, unless asked for them", () => {
  const tree = buildFlameTree(scriptProfile());
  assert.equal(tree.size, 2);
  assert.deepEqual([tree.self[1], tree.total[0]], [9, 9]);
  assert.equal(buildFlameTree(scriptProfile(), { runtimeFrames: true }).size, 5);
});

Deno.test("buildFlameTree() keeps a stack whole in which all frames are the runtime's", () => {
  const profile = profileOf([["main;glue", 4]]);
  for (const frame of profile.frames) frame.runtime = true;
  assert.equal(buildFlameTree(profile).size, 3);
});

Deno.test("buildFlameTree() takes a script's function for one however it is run, and two of one name for two", () => {
  const profile = scriptProfile();
  const [, symbol] = Array.from(buildFlameTree(profile).symbol, (at) => buildFlameTree(profile).symbols[at]);
  assert.deepEqual([symbol?.name, symbol?.kind, symbol?.place], ["handler", FrameKind.JIT, "/srv/app.js:3"]);
  profile.frames[3]!.line = 30;
  assert.equal(buildFlameTree(profile).size, 3);
  // At two lines of one function, which begins at the third.
  profile.frames[2]!.startLine = 3;
  profile.frames[3]!.startLine = 3;
  const tree = buildFlameTree(profile);
  assert.deepEqual([tree.size, tree.symbols[tree.symbol[1]!]?.place], [2, "/srv/app.js:3"]);
});

Deno.test("buildFlameTree() takes lines that ran of an interpreted function for one function, in a module that is its file", () => {
  const profile = profileOf([["main;x", 1], ["main;y", 2]]);
  const file = profile.strings.push("/srv/app.py") - 1;
  for (const [index, frame] of profile.frames.slice(1).entries()) {
    const name = profile.frames[1]!.function;
    Object.assign(frame, {
      kind: FrameKind.INTERPRETED,
      function: name,
      module: file,
      file,
      startLine: 3,
      line: 7 + index,
    });
  }
  const tree = buildFlameTree(profile);
  assert.equal(tree.size, 3);
  assert.equal(tree.symbols[tree.symbol[2]!]!.place, "/srv/app.py:8");
});

Deno.test("buildFlameTree() takes code without a name that a process made itself for one function", () => {
  const profile = profileOf([["main;x", 1], ["main;y", 2]]);
  const module = profile.strings.push("[java jit]") - 1;
  for (const [index, frame] of profile.frames.slice(1).entries()) {
    Object.assign(frame, { kind: FrameKind.JIT, function: 0, module, address: BigInt(index) });
  }
  const tree = buildFlameTree(profile);
  assert.equal(tree.size, 3);
  assert.equal(tree.symbols[tree.symbol[2]!]!.name, "[java jit]");
});
