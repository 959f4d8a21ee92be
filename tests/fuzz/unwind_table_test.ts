import { MemorySource } from "../../lib/bytes/memory_source.ts";
import { type Elf, parseElf } from "../../lib/elf/elf.ts";
import { compileUnwindTable } from "../../lib/unwind/compile_unwind_table.ts";
import { checkUnwindTable } from "./check_unwind_table.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the compiler of unwind tables survives mutated files", () => {
  fuzz("unwind_table", (bytes) => {
    const source = new MemorySource(bytes);
    const elf = parseElf(source);
    if (elf !== undefined) checkUnwindTable(compileUnwindTable(source, elf));
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
      checkUnwindTable(compileUnwindTable(source, elf));
    }
    const frameHeader = { fileOffset: 0, fileBytes: bytes.length, address: 0 };
    checkUnwindTable(compileUnwindTable(source, { ...outline, frameHeader, sections: [] }));
  });
});
