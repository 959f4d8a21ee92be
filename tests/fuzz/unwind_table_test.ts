import { MemorySource } from "../../lib/bytes/memory_source.ts";
import { type Elf, parseElf } from "../../lib/elf/elf.ts";
import { compileUnwindTable } from "../../lib/unwind/compile_unwind_table.ts";
import type { NoUnwindTable, UnwindTable } from "../../lib/unwind/unwind_table.ts";
import { fuzz } from "./fuzz.ts";

/** A search in the kernel relies on all of this. @throws {Error} when a table is not what its type promises. */
function check(table: UnwindTable | NoUnwindTable): void {
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

Deno.test("the compiler of unwind tables survives mutated files", () => {
  fuzz("unwind_table", (bytes) => {
    const source = new MemorySource(bytes);
    const elf = parseElf(source);
    if (elf !== undefined) check(compileUnwindTable(source, elf));
  });
});

Deno.test("the compiler of unwind tables survives mutated sections", () => {
  const common = { type: 1, executable: false, compressed: false, link: 0, entryBytes: 0, fileOffset: 0 };
  const segments = [{ fileOffset: 0, fileBytes: 1 << 20, address: 0 }];
  const outline = { machine: 62, segments, buildId: "", buildIdOffset: 0, debugLink: undefined };
  fuzz("unwind_frames", (bytes) => {
    const source = new MemorySource(bytes);
    const place = { ...common, address: 0x2000, sizeBytes: bytes.length };
    const sections = [".eh_frame", ".debug_frame"].map((name) => ({ ...place, name }));
    for (const section of sections) {
      const elf: Elf = { ...outline, frameHeader: undefined, sections: [section] };
      check(compileUnwindTable(source, elf));
    }
    const frameHeader = { fileOffset: 0, fileBytes: bytes.length, address: 0 };
    check(compileUnwindTable(source, { ...outline, frameHeader, sections: [] }));
  });
});
