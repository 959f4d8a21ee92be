import assert from "node:assert/strict";
import { buildProgram, readOutput } from "../../tests/programs/names_build.ts";
import { demangle } from "./demangle.ts";

Deno.test("demangle() gives the source's name when a name is of C++ or Rust", () => {
  const names: [string, string][] = [
    ["_ZN3foo3barEv", "foo::bar()"],
    ["_ZN7mycrate3foo17h0123456789abcdefE", "mycrate::foo"],
    ["_RNvCskwGfYPst2Cb_7mycrate3foo", "mycrate::foo"],
    ["main", "main"],
    ["_start", "_start"],
    ["", ""],
  ];
  for (const [mangled, source] of names) assert.equal(demangle(mangled), source);
});

Deno.test("demangle() agrees with c++filt on what g++ makes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-demangle-" });
  try {
    await buildProgram("names_mangled.cc", `${folder}/program`, ["-O0"]);
    const mangled = (await readOutput("nm", ["--defined-only", `${folder}/program`])).split("\n")
      .flatMap((line) => /^\S+ [tTwW] (_Z.*)$/.exec(line)?.[1] ?? []);
    const expected = (await readOutput("c++filt", mangled)).trimEnd().split("\n");
    assert.ok(mangled.length > 100);
    mangled.forEach((name, index) => {
      // The two differ in spaces, in return types and in how much they tell of arguments, not in the function's name.
      if (!expected[index]!.includes("operator")) {
        assert.ok(
          takeName(expected[index]!).endsWith(takeName(demangle(name))),
          `${demangle(name)} ${expected[index]}`,
        );
      }
    });
    assert.deepEqual(mangled.filter((name) => demangle(name) === name), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("demangle() stays quick and short when a name is made to hurt", () => {
  const hostile = ["S_", "I", "N3barI", "1a", "PKS0_", "Dp"].map((part) => `_ZN3fooI${part.repeat(2000)}`);
  hostile.push(
    `_ZN3foo${"IS_S0_".repeat(160)}`,
    `_RNv${"I".repeat(900)}`,
    "_Z\0",
    "_Z\ud800",
    "x".repeat(100_000),
  );
  for (const name of hostile) {
    for (const length of [name.length, 1000]) {
      const start = performance.now();
      assert.ok(demangle(name.slice(0, length)).length <= 1024);
      assert.ok(performance.now() - start < 100, name.slice(0, 20));
    }
  }
  assert.equal(demangle("_ZN3foo3bazEv"), "foo::baz()");
});

Deno.test("demangle() leaves a name as it is when it stands for gigabytes", () => {
  let bomb = "_Z1fSt4pairIiiE";
  for (let level = 0; level < 26; level++) {
    const part = `S${level.toString(36).toUpperCase()}_`;
    bomb += `S_I${part}${part}E`;
  }
  const start = performance.now();
  assert.equal(demangle(bomb), bomb);
  assert.ok(performance.now() - start < 500);
  assert.equal(demangle("_ZN3foo4lastEv"), "foo::last()");
});

/** The name without arguments: what is between brackets, and qualifiers behind them. */
function takeName(text: string): string {
  let depth = 0;
  let name = "";
  for (const character of text.replaceAll("(anonymous namespace)", "anonymous").replace(/ \[clone.*\]/, "")) {
    if ("<({".includes(character)) depth++;
    if (depth === 0) name += character;
    if (">)}".includes(character)) depth--;
  }
  return name.replace(/( const|&)+$/, "").replaceAll(" ", "");
}
