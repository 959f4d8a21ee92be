import assert from "node:assert/strict";
import fc from "fast-check";
import { FunctionRows } from "./function_rows.ts";
import { packRows } from "./pack_rows.ts";
import { noRule, type UnwindRule } from "./unwind_rule.ts";
import { findUnwindRule, type UnwindTable } from "./unwind_table.ts";

const rules: UnwindRule[] = [noRule, ...[1, 2, 3, 4, 5].map((cfaOffset) => ({ ...noRule, cfaOffset }))];

function pack(
  functions: [start: number, end: number, ...rows: [offset: number, rule: number][]][],
): UnwindTable {
  const all = new FunctionRows();
  for (const [start, end, ...rows] of functions) {
    all.begin(start, end);
    for (const [offset, rule] of rows) all.add(offset, rule);
  }
  const loss = { unsupportedRows: 0, skippedFunctions: 0, cutReason: "" };
  return { firstAddress: 0, rules, loss, ...packRows(all) };
}

function ruleAt(table: UnwindTable, offset: number): number {
  return findUnwindRule(table, offset).cfaOffset;
}

Deno.test("packRows() repeats the row that reaches into a page, also over pages without one", () => {
  const table = pack([[0x100, 0x3_0010, [0x100, 1], [0x2_0000, 2]]]);
  assert.deepEqual([...table.pages], [0, 2, 3, 4, 6]);
  assert.deepEqual([...table.rows], [0, 0x1_0100, 0x1_0000, 0x2_0000, 0x2_0000, 0x10]);
  assert.deepEqual(
    [0xff, 0x100, 0x1_0000, 0x1_ffff, 0x2_0000, 0x3_000f, 0x3_0010].map((at) => ruleAt(table, at)),
    [
      ...[0, 1, 1, 1, 2, 2, 0],
    ],
  );
  assert.equal(ruleAt(table, 0x4_0000), 0);
});

Deno.test("packRows() joins equal rows over the space that alignment leaves, and no larger one", () => {
  const near = pack([[0, 1, [0, 1]], [16, 32, [16, 1]]]);
  assert.deepEqual([...near.rows], [0x1_0000, 32]);
  const far = pack([[0, 1, [0, 1]], [17, 32, [17, 1]]]);
  assert.deepEqual([...far.rows], [0x1_0000, 1, 0x1_0011, 32]);
});

Deno.test("packRows() gives each offset the rule of the function that begins last before it", () => {
  const functionOf = fc.record({
    start: fc.nat(300_000),
    length: fc.integer({ min: 1, max: 100_000 }),
    rows: fc.array(fc.tuple(fc.nat(100_000), fc.integer({ min: 1, max: 5 })), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(functionOf, { maxLength: 8 }), fc.array(fc.nat(450_000)), (given, offsets) => {
      const functions = given.map(({ start, length, rows }) => {
        const places = new Map([[start, 1], ...rows.map(([place, rule]) => [start + place, rule] as const)]);
        const sorted = [...places].filter(([place]) => place < start + length).sort(([one], [other]) =>
          one - other
        );
        return { start, end: start + length, rows: sorted };
      });
      const table = pack(functions.map(({ start, end, rows }) => [start, end, ...rows]));
      for (const offset of [...offsets, ...functions.flatMap(({ start, end }) => [start, end - 1])]) {
        const begun = functions.filter(({ start }) => start <= offset);
        const start = Math.max(...begun.map((one) => one.start));
        const holder = begun.find((one) => one.start === start);
        // Alignment may keep the rule before it.
        if (holder === undefined || (offset >= holder.end && offset < holder.end + 15)) continue;
        const expected = offset < holder.end ? holder.rows.findLast(([place]) => place <= offset)![1] : 0;
        assert.equal(ruleAt(table, offset), expected);
      }
    }),
  );
});
