import type { ByteSource } from "../bytes/byte_source.ts";
import type { Elf } from "../elf/elf.ts";
import type { NoUnwindTable, UnwindTable } from "./unwind_table.ts";

/**
 * Compiles the unwind rules of a module; a reason when it has none that can be used. Never throws.
 *
 * Source: .eh_frame, or else .debug_frame, of an x86-64 ELF file.
 */
export function compileUnwindTable(_source: ByteSource, _elf: Elf): UnwindTable | NoUnwindTable {
  return { reason: "not yet" };
}
