import type { ByteSource } from "../bytes/byte_source.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { decompressXz } from "../xz/decompress_xz.ts";
import { type Elf, findSection, parseElf } from "./elf.ts";
import type { SymbolFile } from "./symbol_table.ts";

/** What distributions put there stays below 1 MiB compressed, 8 MiB not. */
const maxCompressedBytes = 4 * 1024 * 1024;
const limits = { outputBytes: 32 * 1024 * 1024, ratio: 64 };

/**
 * Reads the symbols that Fedora, RHEL and their kin leave in stripped binaries; undefined when there are none.
 *
 * Source: section .gnu_debugdata: an ELF file with little else than .symtab, compressed with xz.
 * Limits: 4 MiB compressed, 32 MiB and 64 times that when not; what is larger is left alone.
 */
export function readMiniDebugInfo(source: ByteSource, elf: Elf): SymbolFile | undefined {
  const section = findSection(elf, ".gnu_debugdata");
  if (section === undefined || section.sizeBytes > maxCompressedBytes) return undefined;
  const bytes = decompressXz(source.readAt(section.fileOffset, section.sizeBytes), limits);
  if (bytes === undefined) return undefined;
  const inner = new MemorySource(bytes);
  const outline = parseElf(inner);
  return outline && { source: inner, elf: outline };
}
