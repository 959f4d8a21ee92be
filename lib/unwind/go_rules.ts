import { FrameState, returnAddressRegister } from "./frame_state.ts";
import type { RuleSet } from "./rule_set.ts";

const framePointerRegister = 6;
const stackPointerRegister = 7;

/** Numbers of the rules that Go's code needs. */
export class GoRules {
  /** rsp is at the return address, rbp still the caller's. */
  readonly entry: number;
  /** rbp is saved, but not set yet. */
  readonly pushed: number;
  /** rbp is at where the caller's is saved. */
  readonly frame: number;
  readonly outermost: number;
  readonly #rules: RuleSet;

  constructor(rules: RuleSet) {
    this.#rules = rules;
    this.entry = this.atDepth(0);
    const state = stateAtDepth(8);
    state.setSaved(framePointerRegister, -16);
    this.pushed = rules.numberOf(state, false);
    state.setBase(framePointerRegister);
    this.frame = rules.numberOf(state, false);
    state.setUndefined(returnAddressRegister);
    this.outermost = rules.numberOf(state, false);
  }

  /** rsp is so many bytes below the return address, rbp still the caller's. */
  atDepth(depthBytes: number): number {
    return this.#rules.numberOf(stateAtDepth(depthBytes), false);
  }

  /** The same where rbp was saved, and may be anything now. */
  savedAtDepth(depthBytes: number): number {
    const state = stateAtDepth(depthBytes);
    state.setSaved(framePointerRegister, -16);
    return this.#rules.numberOf(state, false);
  }
}

function stateAtDepth(depthBytes: number): FrameState {
  const state = new FrameState();
  state.setBase(stackPointerRegister);
  state.setOffset(depthBytes + 8);
  state.setSaved(returnAddressRegister, -8);
  return state;
}
