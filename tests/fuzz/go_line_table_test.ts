import { MemorySource } from "../../lib/bytes/memory_source.ts";
import type { Elf, Section } from "../../lib/elf/elf.ts";
import { GoLineTable } from "../../lib/go/line_table.ts";
import { compileUnwindTable } from "../../lib/unwind/compile_unwind_table.ts";
import { checkUnwindTable } from "./check_unwind_table.ts";
import { fuzz } from "./fuzz.ts";

const tableAddress = 0x500000;
const readOnlyAddress = 0x480000;
const headerBytes = 8;

/** The outline of a Go program of nothing else: lengths of table and trees, then both, then the module data. */
function outline(bytes: Uint8Array): { source: MemorySource; elf: Elf } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tableBytes = view.getUint32(0, true) % (1 << 24);
  const dataAt = Math.ceil(bytes.length / 8) * 8;
  const whole = new Uint8Array(dataAt + 512);
  whole.set(bytes);
  const data = new DataView(whole.buffer, dataAt);
  data.setUint32(0, tableAddress, true);
  data.setUint32(176, 0x401000, true);
  data.setUint32(304 - 8, readOnlyAddress, true);
  data.setUint32(304, tableAddress + tableBytes, true);
  const common = { type: 1, executable: false, compressed: false, link: 0, entryBytes: 0 };
  const sections: Section[] = [
    {
      ...common,
      name: ".gopclntab",
      address: tableAddress,
      fileOffset: headerBytes,
      sizeBytes: Math.min(tableBytes, bytes.length - headerBytes),
    },
    { ...common, name: ".rodata", address: readOnlyAddress, fileOffset: 0, sizeBytes: 0 },
    { ...common, name: ".go.module", address: 0, fileOffset: dataAt, sizeBytes: 512 },
  ];
  const segments = [{ fileOffset: headerBytes, fileBytes: whole.length, address: tableAddress }];
  return {
    source: new MemorySource(whole),
    elf: {
      machine: 62,
      sections,
      segments,
      frameHeader: undefined,
      buildId: "",
      buildIdOffset: 0,
      debugLink: undefined,
    },
  };
}

Deno.test("the Go line table's reader survives mutated tables", () => {
  fuzz("go_line_table", (bytes) => {
    if (bytes.length < headerBytes) return;
    const { source, elf } = outline(bytes);
    const table = GoLineTable.read(source, elf);
    for (let address = 0x401000; address < 0x402000; address += 37) {
      const position = table?.findPosition(address) ?? -1;
      if (position >= 0) table!.nameOf(position);
      table?.findFrames(address);
    }
  });
});

Deno.test("the compiler of unwind tables survives mutated Go line tables", () => {
  fuzz("go_line_table", (bytes) => {
    if (bytes.length < headerBytes) return;
    const { source, elf } = outline(bytes);
    const code = { fileOffset: 0, fileBytes: bytes.length, address: 0x400000 };
    checkUnwindTable(compileUnwindTable(source, { ...elf, segments: [code, ...elf.segments] }));
  });
});
