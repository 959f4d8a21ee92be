import type { DwarfReader } from "../dwarf/dwarf_reader.ts";
import type { CommonInformation } from "./common_information.ts";
import { type PointerOrigins, readEncodedPointer } from "./encoded_pointer.ts";
import { readFrameExpression } from "./frame_expression.ts";
import { FrameState } from "./frame_state.ts";

const maxRememberedStates = 64;

/** Call frame instructions from where the reader is, and the code that they describe. */
export interface FrameProgram {
  readonly programEnd: number;
  readonly common: CommonInformation;
  /** What the instructions of the CIE left. */
  readonly initial: FrameState;
  /** Addresses of the code in the module; those of a CIE describe none. */
  readonly start: number;
  readonly end: number;
}

/**
 * Runs call frame instructions, one program after the other, and tells the states that they go through.
 *
 * Source: DWARF 5, 6.4.2, with the GNU extensions that x86-64 has. Limits: 64 remembered states.
 */
export class FrameMachine {
  readonly state: FrameState = new FrameState();
  /** Address that the instructions have come to. */
  location = 0;
  readonly #reader: DwarfReader;
  readonly #origins: PointerOrigins;
  readonly #tell: (location: number, state: FrameState) => void;
  readonly #remembered: FrameState[] = [];
  #rememberedCount = 0;

  /** `tell` gets each state and the address where it begins to hold, ascending; the machine goes on to change the state. */
  constructor(
    reader: DwarfReader,
    origins: PointerOrigins,
    tell: (location: number, state: FrameState) => void,
  ) {
    this.#reader = reader;
    this.#origins = origins;
    this.#tell = tell;
  }

  /** False when nothing is known from `location` on: an instruction is broken or not known here. */
  run(program: FrameProgram): boolean {
    const reader = this.#reader;
    const { programEnd, start, end } = program;
    const { codeAlignment, dataAlignment } = program.common;
    this.state.copyFrom(program.initial);
    this.location = start;
    this.#rememberedCount = 0;
    while (reader.at < programEnd) {
      const opcode = reader.u8();
      const operand = opcode & 63;
      let known = true;
      if (opcode >= 0xc0) this.state.restore(operand, program.initial);
      else if (opcode >= 0x80) this.state.setSaved(operand, reader.uleb() * dataAlignment);
      else if (opcode >= 0x40) known = this.#advance(this.location + operand * codeAlignment);
      else known = this.#runExtended(opcode, program);
      if (!known || reader.failed || reader.at > programEnd) return false;
      // What follows is of code behind the function.
      if (this.location >= end && this.location > start) return true;
    }
    if (this.location < end) this.#tellChange();
    return true;
  }

  /** Those that take all of their first byte. */
  #runExtended(opcode: number, program: FrameProgram): boolean {
    const reader = this.#reader;
    const state = this.state;
    const { codeAlignment, dataAlignment, pointerEncoding } = program.common;
    switch (opcode) {
      case 0x00: // DW_CFA_nop
        return true;
      case 0x01: // DW_CFA_set_loc
        return this.#advance(readEncodedPointer(reader, pointerEncoding, this.#origins));
      case 0x02: // DW_CFA_advance_loc1
        return this.#advance(this.location + reader.u8() * codeAlignment);
      case 0x03: // DW_CFA_advance_loc2
        return this.#advance(this.location + reader.u16() * codeAlignment);
      case 0x04: // DW_CFA_advance_loc4
        return this.#advance(this.location + reader.u32() * codeAlignment);
      case 0x05: // DW_CFA_offset_extended
        state.setSaved(reader.uleb(), reader.uleb() * dataAlignment);
        return true;
      case 0x06: // DW_CFA_restore_extended
        state.restore(reader.uleb(), program.initial);
        return true;
      case 0x07: // DW_CFA_undefined
        state.setUndefined(reader.uleb());
        return true;
      case 0x08: // DW_CFA_same_value
        state.setSame(reader.uleb());
        return true;
      case 0x09: // DW_CFA_register
        state.setElsewhere(reader.uleb());
        reader.uleb();
        return true;
      case 0x0a: // DW_CFA_remember_state
        if (this.#rememberedCount >= maxRememberedStates) return false;
        (this.#remembered[this.#rememberedCount++] ??= new FrameState()).copyFrom(state);
        return true;
      case 0x0b: // DW_CFA_restore_state
        if (this.#rememberedCount === 0) return false;
        state.copyFrom(this.#remembered[--this.#rememberedCount]!);
        return true;
      case 0x0c: // DW_CFA_def_cfa
        state.setBase(reader.uleb());
        state.setOffset(reader.uleb());
        return true;
      case 0x0d: // DW_CFA_def_cfa_register
        state.setBase(reader.uleb());
        return true;
      case 0x0e: // DW_CFA_def_cfa_offset
        state.setOffset(reader.uleb());
        return true;
      case 0x0f: // DW_CFA_def_cfa_expression
        state.setBaseExpression(readFrameExpression(reader));
        return true;
      case 0x10: // DW_CFA_expression
        state.setSavedExpression(reader.uleb(), readFrameExpression(reader));
        return true;
      case 0x11: // DW_CFA_offset_extended_sf
        state.setSaved(reader.uleb(), reader.sleb() * dataAlignment);
        return true;
      case 0x12: // DW_CFA_def_cfa_sf
        state.setBase(reader.uleb());
        state.setOffset(reader.sleb() * dataAlignment);
        return true;
      case 0x13: // DW_CFA_def_cfa_offset_sf
        state.setOffset(reader.sleb() * dataAlignment);
        return true;
      case 0x14: // DW_CFA_val_offset
        state.setValue(reader.uleb(), reader.uleb() * dataAlignment);
        return true;
      case 0x15: // DW_CFA_val_offset_sf
        state.setValue(reader.uleb(), reader.sleb() * dataAlignment);
        return true;
      case 0x16: // DW_CFA_val_expression
        state.setElsewhere(reader.uleb());
        readFrameExpression(reader);
        return true;
      case 0x2e: // DW_CFA_GNU_args_size
        reader.uleb();
        return true;
      case 0x2f: // DW_CFA_GNU_negative_offset_extended
        state.setSaved(reader.uleb(), -reader.uleb() * dataAlignment);
        return true;
      default:
        return false;
    }
  }

  /** False for what is no address, or one behind. */
  #advance(location: number): boolean {
    if (location > this.location) {
      this.#tellChange();
      this.location = location;
    }
    return location >= this.location;
  }

  #tellChange(): void {
    if (this.state.changed) this.#tell(this.location, this.state);
    this.state.changed = false;
  }
}
