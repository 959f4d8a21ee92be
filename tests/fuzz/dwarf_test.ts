import { MemorySource } from "../../lib/bytes/memory_source.ts";
import { Dwarf } from "../../lib/dwarf/dwarf.ts";
import { DwarfSections } from "../../lib/dwarf/dwarf_sections.ts";
import { readLineProgram } from "../../lib/dwarf/line_program.ts";
import { type Elf, parseElf } from "../../lib/elf/elf.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the DWARF reader survives mutated files", () => {
  fuzz("dwarf", (bytes) => {
    const source = new MemorySource(bytes);
    const elf = parseElf(source);
    const limits = { steps: 200_000, memory: { leftBytes: 4 * 1024 * 1024 } };
    const dwarf = elf && Dwarf.open(source, elf, limits);
    for (let address = 0x401000; address < 0x401200; address += 7) dwarf?.findFrames(address);
    dwarf?.findFrames(0x400140);
  });
});

Deno.test("the reader of line programs survives mutated programs", () => {
  fuzz("dwarf_line", (bytes) => {
    const source = new MemorySource(bytes);
    const section = {
      name: ".debug_line",
      type: 1,
      executable: false,
      compressed: false,
      address: 0,
      link: 0,
    };
    const sections = [{ ...section, fileOffset: 0, sizeBytes: bytes.length, entryBytes: 0 }];
    const outline = { machine: 62, segments: [], frameHeader: undefined, sections };
    const elf: Elf = { ...outline, buildId: "", buildIdOffset: 0, debugLink: undefined };
    const all = new DwarfSections(source, elf, { left: 200_000 }, { leftBytes: 4 * 1024 * 1024 });
    const program = readLineProgram(all, 0, { folder: "/build", addressBytes: 8 });
    for (let address = 0x401000; address < 0x401200; address += 7) {
      program?.files.pathOf(program.rows.find(address)?.file ?? 1);
    }
  });
});
