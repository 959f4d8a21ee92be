import type { DwarfReader } from "../dwarf/dwarf_reader.ts";
import { cfaBase } from "./unwind_rule.ts";

const maxBytes = 32;
const opDeref = 0x06;
const opAnd = 0x1a;
const opMultiply = 0x1e;
const opPlus = 0x22;
const opPlusConstant = 0x23;
const opShiftLeft = 0x24;
const opGreaterOrEqual = 0x2a;
const opLiteral = 0x30;
const opFramePointer = 0x76;
const opStackPointer = 0x77;
const opR9 = 0x79;
const opInstructionPointer = 0x80;

/** What a known expression computes, in the words of `UnwindRule`. */
export interface FrameExpression {
  readonly base: number;
  readonly offset: number;
  readonly operand: number;
}

/**
 * Recognizes a DWARF expression that compilers, linkers and assembler sources use in unwind information; undefined for others.
 * The reader is left behind its end, whatever it is.
 *
 * Shape: rsp or rbp + offset, alone, or followed by a load and perhaps the addition of a constant; rsp + offset + 8 * r9, loaded
 * likewise; and the one with which linkers describe a lazily bound .plt.
 */
export function readFrameExpression(reader: DwarfReader): FrameExpression | undefined {
  const bytes = reader.uleb();
  const end = reader.at + bytes;
  const expression = bytes > maxBytes ? undefined : recognize(reader, end);
  reader.at = end;
  return expression;
}

function recognize(reader: DwarfReader, end: number): FrameExpression | undefined {
  const opcode = reader.u8();
  if (opcode !== opStackPointer && opcode !== opFramePointer) return undefined;
  const onStack = opcode === opStackPointer;
  const offset = reader.sleb();
  if (reader.at === end) {
    return { base: onStack ? cfaBase.stackPointer : cfaBase.framePointer, offset, operand: 0 };
  }
  const next = reader.u8();
  if (next === opDeref) return loaded(onStack ? cfaBase.stackSlot : cfaBase.frameSlot, offset, reader, end);
  if (next === opR9 && onStack) {
    const scaled = isNext(reader, [0, opLiteral + 8, opMultiply, opPlus, opDeref]);
    return scaled ? loaded(cfaBase.indexedSlot, offset, reader, end) : undefined;
  }
  const operand = next === opInstructionPointer && onStack ? readEntryPlace(reader) : undefined;
  return operand === undefined || reader.at !== end ? undefined : { base: cfaBase.plt, offset, operand };
}

function loaded(
  base: number,
  offset: number,
  reader: DwarfReader,
  end: number,
): FrameExpression | undefined {
  const operand = readAddition(reader, end);
  return operand === undefined ? undefined : { base, offset, operand };
}

/** What is added at the end of an expression; undefined when it does something else. */
function readAddition(reader: DwarfReader, end: number): number | undefined {
  if (reader.at === end) return 0;
  const opcode = reader.u8();
  let operand: number;
  if (opcode === opPlusConstant) operand = reader.uleb();
  else if (opcode >= opLiteral && opcode < opLiteral + 32 && reader.u8() === opPlus) {
    operand = opcode - opLiteral;
  } else return undefined;
  return reader.at === end ? operand : undefined;
}

/** ((rip & 15) >= place) << 3, added. */
function readEntryPlace(reader: DwarfReader): number | undefined {
  const before = isNext(reader, [0, opLiteral + 15, opAnd]);
  const place = reader.u8() - opLiteral;
  const after = isNext(reader, [opGreaterOrEqual, opLiteral + 3, opShiftLeft, opPlus]);
  return before && after && place >= 0 && place < 16 ? place : undefined;
}

function isNext(reader: DwarfReader, bytes: readonly number[]): boolean {
  return bytes.every((byte) => reader.u8() === byte);
}
