import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor, type StepBudget } from "../bytes/cursor.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { type Elf, toFileOffset } from "../elf/elf.ts";
import { type FunctionTable, readFunctionTable } from "../go/function_table.ts";
import { walkValues } from "../go/pc_values.ts";
import type { FunctionRows } from "./function_rows.ts";
import { GoRules } from "./go_rules.ts";
import type { RuleSet } from "./rule_set.ts";

const maxOffset = 0x1_0000_0000;
/** Those of terraform, a program of 90 MB, take 7 MiB. */
const maxDepthsBytes = 64 * 1024 * 1024;
/** Fields of _func, behind its entry: the depths' table, and from the end of the fixed ones its flags. */
const depthsField = 12;
const flagsFromEnd = 3;
/** Bits of its flags: nothing called it; it writes rsp; it is of assembler. */
const outermostFlag = 1;
const movesStackFlag = 2;
const assemblerFlag = 4;
const assemblerBytes = 64;
/** Bytes of `mov %rsp, %rbp`, behind the `push %rbp` whose end the first change of depth is. */
const moveBytes = 3;
/** `lea …(%rsp), %rbp` with 8 and 32 bits, of Go before 1.20, and `mov %rsp, %rbp`. */
const framePrologues = ["488d6c24", "488dac24", "4889e5"];

/** What a function does with rbp: it leads to the frame all the time; it is saved, then used for other things; nothing. */
type FrameKind = "kept" | "saved" | "none";

/** What takes the rows of a module's functions. */
export interface FunctionSink {
  readonly firstAddress: number;
  readonly functions: FunctionRows;
  readonly rules: RuleSet;
}

/**
 * Adds the functions of a Go program; why the rest of them is left out, or "".
 *
 * Source: .gopclntab, which tells at each place how far rsp is below the return address; it is there when .debug_frame is not,
 * and tells that to Go itself. Where a function has a frame, rbp is preferred: it leads from one stack of the runtime to the
 * other, and Go's code keeps it; assembler, as that of SHA-256, may not. What remains is what frame pointers cannot tell: functions without a frame, such as memmove,
 * and the first and last instructions of others.
 * Limits: none of position-independent programs whose text is not known; one step a byte.
 */
export function addGoFunctions(source: ByteSource, elf: Elf, steps: StepBudget, sink: FunctionSink): string {
  const table = readFunctionTable(source, elf);
  if (table === undefined || !table.isTextKnown) return "";
  const reader = new GoFunctionReader(source, elf, steps, table, sink);
  for (let position = 0; position + 1 < table.entries.length; position++) {
    if (sink.functions.isFull) return "too many functions or rows";
    if (!reader.add(position)) return "the Go line table is too long or broken";
  }
  return "";
}

class GoFunctionReader {
  readonly #source: ByteSource;
  readonly #elf: Elf;
  readonly #table: FunctionTable;
  readonly #sink: FunctionSink;
  readonly #records: Cursor;
  /** In memory: the tables of neighbours are not. */
  readonly #depths: Cursor;
  readonly #rules: GoRules;

  constructor(
    source: ByteSource,
    elf: Elf,
    steps: StepBudget,
    table: FunctionTable,
    sink: FunctionSink,
  ) {
    this.#source = source;
    this.#elf = elf;
    this.#table = table;
    this.#sink = sink;
    this.#records = new Cursor(source, steps);
    const { valuesAt, functionsAt } = table.header;
    const depthsBytes = Math.min(maxDepthsBytes, Math.max(0, functionsAt - valuesAt));
    const depths = source.readAt(table.section.fileOffset + valuesAt, depthsBytes);
    this.#depths = new Cursor(new MemorySource(depths), steps);
    this.#rules = new GoRules(sink.rules);
  }

  /** False when no more can be read. */
  add(position: number): boolean {
    const { entries, recordsAt, header } = this.#table;
    const { firstAddress, functions } = this.#sink;
    const start = entries[position]! - firstAddress;
    const end = entries[position + 1]! - firstAddress;
    if (start < 0 || end <= start || end > maxOffset) return true;
    const record = recordsAt[position]!;
    const table = this.#records.u32(record + depthsField);
    const flags = this.#records.u8(record + header.afterFields - flagsFromEnd);
    if (this.#records.failed) return false;
    functions.begin(start, end);
    if ((flags & outermostFlag) !== 0) functions.add(start, this.#rules.outermost);
    else if ((flags & movesStackFlag) !== 0) functions.add(start, this.#rules.frame);
    else if (table === 0) functions.add(start, 0);
    else {
      const isAssembler = (flags & assemblerFlag) !== 0;
      const frame = !isAssembler ? "kept" : this.#setsFramePointer(entries[position]!) ? "saved" : "none";
      return this.#addDepths(table, start, end, frame);
    }
    return true;
  }

  #addDepths(tableAt: number, start: number, end: number, frame: FrameKind): boolean {
    const { functions } = this.#sink;
    let before = -1;
    let next = start;
    return walkValues(this.#depths, tableAt, this.#table.header.quantum, (distance, depth) => {
      const offset = Math.max(next, start + distance);
      if (offset >= end) return;
      next = offset + 1;
      if (depth <= 0) functions.add(offset, depth === 0 ? this.#rules.entry : 0);
      else if (frame === "none") functions.add(offset, this.#rules.atDepth(depth));
      else if (frame === "saved") functions.add(offset, this.#rules.savedAtDepth(depth));
      else if (before !== 0 || depth !== 8) functions.add(offset, this.#rules.frame);
      else {
        functions.add(offset, this.#rules.pushed);
        if (offset + moveBytes < end) functions.add(offset + moveBytes, this.#rules.frame);
        next = offset + moveBytes + 1;
      }
      before = depth;
    });
  }

  /** Whether a function of assembler makes a frame at its beginning. */
  #setsFramePointer(address: number): boolean {
    const at = toFileOffset(this.#elf, address);
    const code = at === undefined ? "" : this.#source.readAt(at, assemblerBytes).toHex();
    return framePrologues.some((bytes) => code.includes(bytes));
  }
}
