import assert from "node:assert/strict";
import fc from "fast-check";
import { findLine } from "./line_table.ts";

/** Prints, for every code object of some modules of the standard library, its table, first line, and the line of each code unit. */
const script = `
import asyncio.base_events, argparse, ast, dataclasses, inspect, typing, unittest.mock, json, sys, types
def walk(code):
    lines = [position[0] or 0 for position in code.co_positions()]
    print(json.dumps([code.co_linetable.hex(), code.co_firstlineno, lines]))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            walk(constant)
for module in (asyncio.base_events, argparse, ast, dataclasses, inspect, typing, unittest.mock):
    walk(compile(open(module.__file__).read(), module.__file__, "exec"))
`;

Deno.test("findLine() finds the line that the interpreter itself finds, for every instruction of large modules", async () => {
  const { stdout, success } = await new Deno.Command("/usr/bin/python3", { args: ["-c", script] }).output();
  assert.ok(success);
  const codes = new TextDecoder().decode(stdout).trim().split("\n")
    .map((text) => JSON.parse(text) as [string, number, number[]]);
  let instructions = 0;
  for (const [hex, firstLine, lines] of codes) {
    const table = Uint8Array.fromHex(hex);
    // Every instruction of most, a sample of the longest: a look-up is one pass over the table.
    const step = Math.ceil(lines.length / 997);
    for (let unit = 0; unit < lines.length; unit += step) {
      assert.equal(findLine(table, firstLine, unit), lines[unit], `${hex} at ${unit}`);
      instructions++;
    }
    assert.equal(findLine(table, firstLine, -1), firstLine);
    assert.equal(findLine(table, firstLine, lines.length), 0);
  }
  assert.ok(codes.length > 1000 && instructions > 50_000, `${codes.length} ${instructions}`);
});

Deno.test("findLine() gives a line or none, whatever the table is", () => {
  const anything = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.integer());
  fc.assert(fc.property(anything, ([table, firstLine, instruction]) => {
    const line = findLine(table, firstLine, instruction);
    assert.ok(Number.isSafeInteger(line) && line >= 0);
  }));
});
