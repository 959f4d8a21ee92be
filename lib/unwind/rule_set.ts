import { type FrameState, savedReturnAddress } from "./frame_state.ts";
import { cfaBase, noRule, savedFramePointer, type UnwindRule } from "./unwind_rule.ts";

const maxRules = 65_536;
const maxPlainOffset = 1 << 20;

/** Turns states into rules and numbers them, each once. */
export class RuleSet {
  /** By number; the first is `noRule`. */
  readonly rules: UnwindRule[] = [noRule];
  /** How often a state could not be put into a rule. */
  unsupported = 0;
  readonly #numbers = new Map<number | string, number>();

  /** The number of a state's rule; 0, that of `noRule`, when it cannot be put into one. */
  numberOf(state: FrameState, isSignalFrame: boolean): number {
    const key = plainKey(state) ?? fullKey(state, isSignalFrame);
    const number = this.#numbers.get(key) ?? this.#add(key, state, isSignalFrame);
    if (number === 0) this.unsupported++;
    return number;
  }

  #add(key: number | string, state: FrameState, isSignalFrame: boolean): number {
    const rule = this.rules.length < maxRules ? toRule(state, isSignalFrame) : undefined;
    if (rule === undefined) return 0;
    this.#numbers.set(key, this.rules.length);
    return this.rules.push(rule) - 1;
  }
}

/** A number for what compilers write, because that is fast to look up. */
function plainKey(state: FrameState): number | undefined {
  const { base, cfaOffset, framePointer, framePointerOffset } = state;
  const plain = base >= cfaBase.register && cfaOffset >= 0 && cfaOffset < maxPlainOffset &&
    state.returnAddress === savedReturnAddress.inCaller && state.returnAddressOffset === -8 &&
    isSmall(framePointerOffset) && !state.stackPointerMoved;
  return plain
    ? ((base * 8 + framePointer) * 65_536 + framePointerOffset + 32_768) * maxPlainOffset + cfaOffset
    : undefined;
}

function fullKey(state: FrameState, isSignalFrame: boolean): string {
  return `${Object.values(state).join()},${isSignalFrame}`;
}

function toRule(state: FrameState, isSignalFrame: boolean): UnwindRule | undefined {
  const { base, cfaOffset, cfaOperand, returnAddressOffset } = state;
  if (state.returnAddress === savedReturnAddress.undefined) return outermost;
  const fits = isSmall(cfaOperand) && isSmall(returnAddressOffset) && cfaOffset === (cfaOffset | 0);
  if (!fits || base === cfaBase.none) return undefined;
  const common = { cfaOffset, cfaOperand, returnAddressOffset, ...toFramePointer(state) };
  if (state.returnAddress === savedReturnAddress.onStack) {
    const isSignal = isSignalFrame && base === cfaBase.stackSlot && cfaOperand === 0;
    return isSignal ? { base: cfaBase.signal, ...common } : undefined;
  }
  const isUsual = state.returnAddress === savedReturnAddress.inCaller && !state.stackPointerMoved;
  return isUsual ? { base, ...common } : undefined;
}

function toFramePointer(state: FrameState): Pick<UnwindRule, "framePointer" | "framePointerOffset"> {
  const { framePointer, framePointerOffset } = state;
  return isSmall(framePointerOffset)
    ? { framePointer, framePointerOffset }
    : { framePointer: savedFramePointer.undefined, framePointerOffset: 0 };
}

const outermost: UnwindRule = { ...noRule, base: cfaBase.end, framePointer: savedFramePointer.undefined };

function isSmall(offset: number): boolean {
  return offset === offset << 16 >> 16;
}
