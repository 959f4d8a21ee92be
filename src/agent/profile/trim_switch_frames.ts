import type { NamedFrame } from "../names/resolver.ts";

/** How deep the scheduler's own frames reach at most, with those of the hook in front of them. */
const deepest = 16;
/** Where a thread leaves its CPU; all that these call is the switch itself and its observers. */
const switching = /^(__schedule|schedule|preempt_schedule.*|schedule_preempt_disabled|__cond_resched)(\.|$)/;

/**
 * Takes the frames of the switch itself off a stack, leaf first: the hook, its program and the scheduler. What is left begins
 * with what the thread waits for. A stack without names stays whole.
 */
export function trimSwitchFrames(frames: NamedFrame[]): NamedFrame[] {
  let first = 0;
  for (let depth = 0; depth < Math.min(deepest, frames.length); depth++) {
    const frame = frames[depth]!;
    if (frame.kind !== "kernel") break;
    if (switching.test(frame.function)) first = depth + 1;
  }
  return first === 0 ? frames : frames.slice(first);
}
