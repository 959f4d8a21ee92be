import type { DwarfReader } from "../dwarf/dwarf_reader.ts";
import { cfaBase } from "./unwind_rule.ts";

const maxBytes = 32;
const opDeref = 0x06;
const opAnd = 0x1a;
const opPlus = 0x22;
const opPlusConstant = 0x23;
const opShiftLeft = 0x24;
const opGreaterOrEqual = 0x2a;
const opLiteral = 0x30;
const opFramePointer = 0x76;
const opStackPointer = 0x77;
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
 * Shape: rsp or rbp + offset, alone, or followed by a load and perhaps the addition of a constant; and the one with which linkers
 * describe a lazily bound .plt.
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
  if (next === opDeref) {
    const operand = readAddition(reader, end);
    const base = onStack ? cfaBase.stackSlot : cfaBase.frameSlot;
    return operand === undefined ? undefined : { base, offset, operand };
  }
  if (next !== opInstructionPointer || !onStack) return undefined;
  const operand = readEntryPlace(reader);
  return operand === undefined || reader.at !== end ? undefined : { base: cfaBase.plt, offset, operand };
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
  const before = [0, opLiteral + 15, opAnd].every((byte) => reader.u8() === byte);
  const place = reader.u8() - opLiteral;
  const after = [opGreaterOrEqual, opLiteral + 3, opShiftLeft, opPlus].every((byte) => reader.u8() === byte);
  return before && after && place >= 0 && place < 16 ? place : undefined;
}
