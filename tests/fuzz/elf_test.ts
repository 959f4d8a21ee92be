import { MemorySource } from "../../lib/bytes/memory_source.ts";
import { findDebugFile } from "../../lib/elf/debug_file.ts";
import { parseElf, toModuleAddress } from "../../lib/elf/elf.ts";
import { callTargets, cheapPlace, readFunction } from "../../src/agent/tls/call_targets.ts";
import { SymbolTable } from "../../lib/elf/symbol_table.ts";
import { fuzz } from "./fuzz.ts";

class ClosableMemory extends MemorySource {
  close(): void {}
}

Deno.test("the ELF parser survives mutated files", () => {
  fuzz("elf", (bytes) => {
    const source = new ClosableMemory(bytes);
    const elf = parseElf(source);
    if (elf === undefined) return;
    const table = new SymbolTable([{ source, elf }]);
    for (let address = 0; address < 0x3000; address += 97) {
      table.find(toModuleAddress(elf, address) ?? address);
      table.find(0x400000 + address);
      cheapPlace(source, elf, address);
      callTargets(readFunction(source, elf, { address, sizeBytes: address }), address);
    }
    findDebugFile("/usr/bin/x", elf, [() => source]);
  });
});
