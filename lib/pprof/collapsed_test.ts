import assert from "node:assert/strict";
import fc from "fast-check";
import { formatCollapsed, parseCollapsed } from "./collapsed.ts";

Deno.test("formatCollapsed() writes root to leaf, adds equal stacks up and keeps to one line a stack", () => {
  const text = formatCollapsed([
    { frames: ["main", "pay", "read"], weight: 22 },
    { frames: ["main", "a;b\nc\u001b[31m"], weight: 5 },
    { frames: ["main", "pay", "read"], weight: 1 },
    { frames: ["main", ""], weight: 2 },
  ]);
  assert.equal(text, "main;pay;read 23\nmain;a:b c [31m 5\nmain;[unknown] 2\n");
});

Deno.test("parseCollapsed() reads what formatCollapsed() wrote", () => {
  const name = fc.string({ minLength: 1 }).map((text) => text.replaceAll(/[;\p{Cc}\u2028\u2029]/gu, "_"));
  const stack = fc.record({ frames: fc.array(name, { minLength: 1, maxLength: 8 }), weight: fc.nat() }, {
    noNullPrototype: true,
  });
  fc.assert(fc.property(fc.uniqueArray(stack, { selector: ({ frames }) => frames.join(";") }), (stacks) => {
    assert.deepEqual(parseCollapsed(formatCollapsed(stacks)), stacks);
  }));
});

Deno.test("parseCollapsed() leaves out lines of another shape", () => {
  const lines = ["", "main", "main;x -1", "main;x 1.5", "main 99999999999999999", " 5x", "a b;c d 7"];
  assert.deepEqual(parseCollapsed(lines.join("\n")), [{ frames: ["a b", "c d"], weight: 7 }]);
  assert.deepEqual(parseCollapsed("x;".repeat(5000) + "x 1"), []);
});
