import assert from "node:assert/strict";
import fc from "fast-check";
import { noRule, type UnwindRule } from "../../../lib/unwind/unwind_rule.ts";
import { findUnwindRule, type UnwindTable } from "../../../lib/unwind/unwind_table.ts";
import { blockWords, type PackedTable, packTable } from "./packed_table.ts";

const rules: UnwindRule[] = [
  noRule,
  { base: 23, cfaOffset: 8, cfaOperand: 0, returnAddressOffset: -8, framePointer: 0, framePointerOffset: 0 },
  {
    ...{ base: 5, cfaOffset: -(2 ** 31), cfaOperand: -32_768 },
    ...{ returnAddressOffset: 32_767, framePointer: 4, framePointerOffset: -16 },
  },
];

/** A table of some pages, each with some rows. */
const tables = fc.array(
  fc.uniqueArray(fc.record({ place: fc.nat(65_535), rule: fc.nat(rules.length - 1) }), {
    ...{ selector: ({ place }) => place, minLength: 1, maxLength: 60 },
  }),
  { minLength: 1, maxLength: 40 },
).map((pages): UnwindTable => {
  const rows = pages.map((page) =>
    page.toSorted((one, two) => one.place - two.place)
      .map(({ place, rule }, index) => ((index === 0 ? 0 : place) | rule << 16) >>> 0)
  );
  let end = 0;
  return {
    firstAddress: 0,
    pages: new Uint32Array([0, ...rows.map((page) => end += page.length)]),
    rows: new Uint32Array(rows.flat()),
    rules,
    loss: { unsupportedRows: 0, skippedFunctions: 0, cutReason: "" },
  };
});

/** Finds a rule as find_rule() of bpf/unwind_lookup.bpf.h does. */
function findPacked({ words, rulesAt }: PackedTable, offset: number): UnwindRule {
  const page = offset >>> 16;
  let [low, high] = [words[page]!, words[page + 1]!];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((words[middle]! & 0xffff) <= (offset & 0xffff)) low = middle;
    else high = middle;
  }
  const view = new DataView(words.buffer, 4 * (rulesAt + 4 * (words[low]! >>> 16)));
  return {
    ...{ base: view.getUint8(0), framePointer: view.getUint8(1), cfaOperand: view.getInt16(2, true) },
    ...{ cfaOffset: view.getInt32(4, true), returnAddressOffset: view.getInt16(8, true) },
    framePointerOffset: view.getInt16(10, true),
  };
}

Deno.test("packTable() keeps the rule of every offset in whole blocks of words", () => {
  fc.assert(fc.property(tables, fc.array(fc.nat(2 ** 22)), (table, offsets) => {
    const packed = packTable(table);
    assert.equal(packed.words.length % blockWords, 0);
    assert.equal(packed.rulesAt % 4, 0);
    assert.equal(packed.pageCount, table.pages.length - 1);
    for (const offset of offsets.filter((offset) => offset >>> 16 < packed.pageCount)) {
      assert.deepEqual(findPacked(packed, offset), findUnwindRule(table, offset));
    }
  }));
});
