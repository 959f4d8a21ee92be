import type { ByteSource } from "../bytes/byte_source.ts";
import type { Elf } from "../elf/elf.ts";
import { openFrameSections } from "./frame_section.ts";
import { FrameSectionCompiler } from "./frame_section_compiler.ts";
import { addGoFunctions } from "./go_functions.ts";
import { FunctionRows } from "./function_rows.ts";
import { packRows } from "./pack_rows.ts";
import { RuleSet } from "./rule_set.ts";
import type { NoUnwindTable, UnwindTable } from "./unwind_table.ts";

const x86Machine = 62;
const pageBytes = 4096;
const maxSteps = 50_000_000;
const maxDecompressedBytes = 64 * 1024 * 1024;

/**
 * Compiles the unwind rules of a module; a reason when it has none that can be used, and what can be read of a broken one.
 * Never throws.
 *
 * Source: .eh_frame and, for functions that are not there, .debug_frame, of an x86-64 ELF file; of Go's, .gopclntab instead of
 * .debug_frame.
 * Limits: 50 million steps, about as many bytes; 64 MiB decompressed; 2^20 functions; 2^22 rows; 65,536 rules.
 *
 * @example
 * ```ts
 * import { MemorySource } from "../bytes/memory_source.ts";
 * import { parseElf } from "../elf/elf.ts";
 * import { compileUnwindTable } from "./compile_unwind_table.ts";
 * import { findUnwindRule } from "./unwind_table.ts";
 * const source = new MemorySource(Deno.readFileSync("/lib/x86_64-linux-gnu/libc.so.6"));
 * const table = compileUnwindTable(source, parseElf(source)!);
 * if ("reason" in table) throw new Error(table.reason);
 * if (findUnwindRule(table, 0).base !== 0) throw new Error("unexpected");
 * ```
 */
export function compileUnwindTable(source: ByteSource, elf: Elf): UnwindTable | NoUnwindTable {
  if (elf.machine !== x86Machine) return { reason: `processor ${elf.machine} is not x86-64` };
  if (elf.segments.length === 0) return { reason: "no segments" };
  const lowest = Math.min(...elf.segments.map(({ address }) => address));
  const firstAddress = Math.floor(lowest / pageBytes) * pageBytes;
  const functions = new FunctionRows();
  const rules = new RuleSet();
  const budget = { steps: { left: maxSteps }, memory: { leftBytes: maxDecompressedBytes } };
  let brokenFunctions = 0;
  let cutReason = "";
  const sections = openFrameSections(source, elf, budget);
  for (const section of sections) {
    const compiler = new FrameSectionCompiler(section, firstAddress, functions, rules);
    cutReason ||= compiler.run();
    brokenFunctions += compiler.brokenFunctions;
  }
  cutReason ||= addGoFunctions(source, elf, budget.steps, { firstAddress, functions, rules });
  if (functions.starts.length === 0) {
    return { reason: sections.length === 0 ? "no unwind information" : cutReason || "no functions" };
  }
  const { hiddenFunctions, ...packed } = packRows(functions);
  return {
    firstAddress,
    ...packed,
    rules: rules.rules,
    loss: {
      unsupportedRows: rules.unsupported,
      skippedFunctions: brokenFunctions + hiddenFunctions,
      cutReason,
    },
  };
}
