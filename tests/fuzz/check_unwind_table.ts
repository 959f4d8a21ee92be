import type { NoUnwindTable, UnwindTable } from "../../lib/unwind/unwind_table.ts";

/** A search in the kernel relies on all of this. @throws {Error} when a table is not what its type promises. */
export function checkUnwindTable(table: UnwindTable | NoUnwindTable): void {
  if ("reason" in table) return;
  const { pages, rows, rules } = table;
  const fail = (what: string) => {
    throw new Error(what);
  };
  if (pages[0] !== 0 || pages.at(-1) !== rows.length) fail("Pages do not cover the rows");
  for (let page = 0; page + 1 < pages.length; page++) {
    const first = pages[page]!;
    if (first >= pages[page + 1]!) fail("A page has no rows");
    if ((rows[first]! & 0xffff) !== 0) fail("A page does not begin at 0");
    for (let row = first + 1; row < pages[page + 1]!; row++) {
      if ((rows[row]! & 0xffff) <= (rows[row - 1]! & 0xffff)) fail("Rows are out of order");
    }
  }
  if (rows.some((row) => row >>> 16 >= rules.length)) fail("A row has no rule");
  for (const { base, cfaOffset, ...small } of rules) {
    if (base < 0 || base > 31 || cfaOffset !== (cfaOffset | 0)) fail("A rule does not fit");
    if (Object.values(small).some((value) => value !== value << 16 >> 16)) fail("A rule does not fit");
  }
}
