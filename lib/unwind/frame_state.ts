import type { FrameExpression } from "./frame_expression.ts";
import { cfaBase, savedFramePointer } from "./unwind_rule.ts";

const framePointerRegister = 6;
const stackPointerRegister = 7;
const lastGeneralRegister = 15;
/** Column of the return address on x86-64. */
export const returnAddressRegister = 16;

/** Where the return address is. */
export const savedReturnAddress = {
  /** Nothing was said, or what no rule can hold. */
  unsupported: 0,
  /** There is none: the outermost frame. */
  undefined: 1,
  /** At CFA + returnAddressOffset. */
  inCaller: 2,
  /** At rsp + returnAddressOffset. */
  onStack: 3,
} as const;

/** What the instructions of one function have said so far, of the columns that a rule is made of. */
export class FrameState {
  /** As in a rule; `none` for what no rule can hold. */
  base: number = cfaBase.none;
  cfaOffset = 0;
  cfaOperand = 0;
  returnAddress: number = savedReturnAddress.unsupported;
  returnAddressOffset = 0;
  /** One of `savedFramePointer`. */
  framePointer: number = savedFramePointer.same;
  framePointerOffset = 0;
  /** Whether the caller's rsp is said to be something else than the CFA. */
  stackPointerMoved = false;
  /** Set by whatever may change a column. */
  changed = false;

  copyFrom(other: FrameState): void {
    this.base = other.base;
    this.cfaOffset = other.cfaOffset;
    this.cfaOperand = other.cfaOperand;
    this.returnAddress = other.returnAddress;
    this.returnAddressOffset = other.returnAddressOffset;
    this.framePointer = other.framePointer;
    this.framePointerOffset = other.framePointerOffset;
    this.stackPointerMoved = other.stackPointerMoved;
    this.changed = true;
  }

  setBase(register: number): void {
    this.base = register <= lastGeneralRegister ? cfaBase.register + register : cfaBase.none;
    this.cfaOperand = 0;
    this.changed = true;
  }

  setOffset(offset: number): void {
    this.cfaOffset = offset;
    this.changed = true;
  }

  setBaseExpression(expression: FrameExpression | undefined): void {
    this.base = expression?.base ?? cfaBase.none;
    this.cfaOffset = expression?.offset ?? 0;
    this.cfaOperand = expression?.operand ?? 0;
    this.changed = true;
  }

  /** The register is saved at CFA + offset. */
  setSaved(register: number, offset: number): void {
    if (register === framePointerRegister) this.#setFramePointer(savedFramePointer.inCaller, offset);
    else if (register === returnAddressRegister) this.#setReturnAddress(savedReturnAddress.inCaller, offset);
    else if (register === stackPointerRegister) this.#setStackPointerMoved(true);
  }

  /** The register is saved at the address that an expression gives. */
  setSavedExpression(register: number, expression: FrameExpression | undefined): void {
    const offset = expression?.offset ?? 0;
    const isOnStack = expression?.base === cfaBase.stackPointer;
    if (register === returnAddressRegister && isOnStack) {
      this.#setReturnAddress(savedReturnAddress.onStack, offset);
    } else if (register === framePointerRegister && isOnStack) {
      this.#setFramePointer(savedFramePointer.onStack, offset);
    } else if (register === framePointerRegister && expression?.base === cfaBase.framePointer) {
      this.#setFramePointer(savedFramePointer.inFrame, offset);
    } else this.setElsewhere(register);
  }

  /** The register's value is CFA + offset. */
  setValue(register: number, offset: number): void {
    // So is rsp's when nothing is said of it.
    if (register === stackPointerRegister && offset === 0) this.#setStackPointerMoved(false);
    else this.setElsewhere(register);
  }

  /** The register still has the caller's value. */
  setSame(register: number): void {
    if (register === framePointerRegister) this.#setFramePointer(savedFramePointer.same, 0);
    else this.setElsewhere(register);
  }

  setUndefined(register: number): void {
    if (register === returnAddressRegister) this.#setReturnAddress(savedReturnAddress.undefined, 0);
    else this.setElsewhere(register);
  }

  /** The register is where no rule can say: in another one, or at what an expression gives. */
  setElsewhere(register: number): void {
    if (register === framePointerRegister) this.#setFramePointer(savedFramePointer.undefined, 0);
    else if (register === stackPointerRegister) this.#setStackPointerMoved(true);
    else if (register === returnAddressRegister) this.#setReturnAddress(savedReturnAddress.unsupported, 0);
  }

  restore(register: number, initial: FrameState): void {
    if (register === framePointerRegister) {
      this.#setFramePointer(initial.framePointer, initial.framePointerOffset);
    } else if (register === returnAddressRegister) {
      this.#setReturnAddress(initial.returnAddress, initial.returnAddressOffset);
    } else if (register === stackPointerRegister) this.#setStackPointerMoved(initial.stackPointerMoved);
  }

  #setFramePointer(framePointer: number, offset: number): void {
    this.framePointer = framePointer;
    this.framePointerOffset = offset;
    this.changed = true;
  }

  #setReturnAddress(returnAddress: number, offset: number): void {
    this.returnAddress = returnAddress;
    this.returnAddressOffset = offset;
    this.changed = true;
  }

  #setStackPointerMoved(moved: boolean): void {
    this.stackPointerMoved = moved;
    this.changed = true;
  }
}
