import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor, type StepBudget } from "../bytes/cursor.ts";
import { MemorySource } from "../bytes/memory_source.ts";
import { type Elf, toFileOffset } from "../elf/elf.ts";
import { type FunctionTable, readFunctionTable } from "../go/function_table.ts";
import { walkValues } from "../go/pc_values.ts";
import { FrameState, returnAddressRegister } from "./frame_state.ts";
import type { FunctionRows } from "./function_rows.ts";
import type { RuleSet } from "./rule_set.ts";
import { cfaBase } from "./unwind_rule.ts";

const framePointerRegister = 6;
const stackPointerRegister = 7;
const maxOffset = 0x1_0000_0000;
/** Those of 700 MB of Go code take about as much. */
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
/** `mov $15, %rax; syscall` and `mov $15, %eax; syscall`. */
const signalReturns = ["48c7c00f0000000f05", "b80f0000000f05"];

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
 * other, and Go's code keeps it. What remains is what frame pointers cannot tell: functions without a frame, such as memmove,
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
  readonly #entryRule: number;
  readonly #pushedRule: number;
  readonly #frameRule: number;
  readonly #outermostRule: number;
  readonly #signalRule: number;

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
    this.#entryRule = this.#numberOf(stateAtDepth(0));
    const pushed = stateAtDepth(8);
    pushed.setSaved(framePointerRegister, -16);
    this.#pushedRule = this.#numberOf(pushed);
    pushed.setBase(framePointerRegister);
    this.#frameRule = this.#numberOf(pushed);
    pushed.setUndefined(returnAddressRegister);
    this.#outermostRule = this.#numberOf(pushed);
    this.#signalRule = sink.rules.numberOf(signalState(), true);
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
    const code = (flags & assemblerFlag) === 0 ? undefined : this.#code(entries[position]!);
    if (code !== undefined && signalReturns.some((bytes) => code.startsWith(bytes))) {
      // What returns to its first byte has its call in the byte before.
      functions.begin(Math.max(0, start - 1), end);
      functions.add(Math.max(0, start - 1), this.#signalRule);
      return true;
    }
    functions.begin(start, end);
    if ((flags & outermostFlag) !== 0) functions.add(start, this.#outermostRule);
    else if ((flags & movesStackFlag) !== 0) functions.add(start, this.#frameRule);
    else if (table === 0) functions.add(start, 0);
    else {
      const hasFrame = code === undefined || framePrologues.some((bytes) => code.includes(bytes));
      return this.#addDepths(table, start, end, hasFrame);
    }
    return true;
  }

  #addDepths(tableAt: number, start: number, end: number, hasFrame: boolean): boolean {
    const { functions } = this.#sink;
    let before = -1;
    let next = start;
    return walkValues(this.#depths, tableAt, this.#table.header.quantum, (distance, depth) => {
      const offset = Math.max(next, start + distance);
      if (offset >= end) return;
      next = offset + 1;
      if (depth <= 0) functions.add(offset, depth === 0 ? this.#entryRule : 0);
      else if (!hasFrame) functions.add(offset, this.#numberOf(stateAtDepth(depth)));
      else if (before !== 0 || depth !== 8) functions.add(offset, this.#frameRule);
      else {
        functions.add(offset, this.#pushedRule);
        if (offset + moveBytes < end) functions.add(offset + moveBytes, this.#frameRule);
        next = offset + moveBytes + 1;
      }
      before = depth;
    });
  }

  #code(address: number): string {
    const at = toFileOffset(this.#elf, address);
    return at === undefined ? "" : this.#source.readAt(at, assemblerBytes).toHex();
  }

  #numberOf(state: FrameState): number {
    return this.#sink.rules.numberOf(state, false);
  }
}

/** rsp is so many bytes below the return address; rbp is still the caller's. */
function stateAtDepth(depthBytes: number): FrameState {
  const state = new FrameState();
  state.setBase(stackPointerRegister);
  state.setOffset(depthBytes + 8);
  state.setSaved(returnAddressRegister, -8);
  return state;
}

/** rsp is at the kernel's ucontext. */
function signalState(): FrameState {
  const state = new FrameState();
  const onStack = (offset: number) => ({ base: cfaBase.stackPointer, offset, operand: 0 });
  state.setBaseExpression({ base: cfaBase.stackSlot, offset: 160, operand: 0 });
  state.setSavedExpression(returnAddressRegister, onStack(168));
  state.setSavedExpression(framePointerRegister, onStack(120));
  return state;
}
