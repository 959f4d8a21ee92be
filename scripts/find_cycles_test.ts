import assert from "node:assert/strict";
import { findCycle, readImports } from "./find_cycles.ts";

Deno.test("findCycle() names the files of a circle and nothing else", () => {
  const graph = new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", ["d"]], ["d", ["b"]]]);
  assert.deepEqual(findCycle(graph), ["b", "c", "d", "b"]);
  assert.deepEqual(findCycle(new Map([["a", ["a"]]])), ["a", "a"]);
});

Deno.test("findCycle() finds none where a file is merely reached twice", () => {
  assert.equal(findCycle(new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]]])), undefined);
});

Deno.test("readImports() resolves relative specifiers of every form", () => {
  const text = [
    'import { a } from "./a.ts";',
    'import {\n  type B,\n} from "../model/b.ts";',
    'import "./c.ts";',
    'const d = await import("./d.ts");',
    'import { z } from "zod";',
    '/**\n * import { e } from "./e.ts";\n */',
  ].join("\n");
  assert.deepEqual(readImports("src/cli/up.ts", text), [
    "src/cli/a.ts",
    "src/model/b.ts",
    "src/cli/c.ts",
    "src/cli/d.ts",
  ]);
});
