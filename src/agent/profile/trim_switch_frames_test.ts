import assert from "node:assert/strict";
import type { NamedFrame } from "../names/resolver.ts";
import { trimSwitchFrames } from "./trim_switch_frames.ts";

function frames(kernel: string, user = "read main"): NamedFrame[] {
  const named = (text: string, kind: NamedFrame["kind"]) =>
    text.split(" ").map((name) => ({ kind, function: name, module: "", address: 1n }));
  return [...named(kernel, "kernel"), ...named(user, "user")];
}

function namesOf(stack: NamedFrame[]): string {
  return stack.map((frame) => frame.function).join(" ");
}

Deno.test("trimSwitchFrames() takes the hook and the scheduler off the leaf", () => {
  const hook = "bpf_prog_f00_off_cpu_switch bpf_trace_run4 __traceiter_sched_switch";
  assert.equal(
    namesOf(trimSwitchFrames(frames(`${hook} __schedule schedule pipe_read vfs_read`))),
    "pipe_read vfs_read read main",
  );
  assert.equal(
    namesOf(trimSwitchFrames(frames(`${hook} __schedule schedule schedule_timeout wait_woken`))),
    "schedule_timeout wait_woken read main",
  );
  assert.equal(
    namesOf(trimSwitchFrames(frames(`${hook} __schedule preempt_schedule_irq irqentry_exit`))),
    "irqentry_exit read main",
  );
});

Deno.test("trimSwitchFrames() leaves a stack whole that has no scheduler in it", () => {
  assert.equal(namesOf(trimSwitchFrames(frames("futex_wait do_futex"))), "futex_wait do_futex read main");
  assert.deepEqual(trimSwitchFrames([]), []);
  // A program's own function of that name is its own.
  assert.equal(namesOf(trimSwitchFrames(frames("futex_wait", "schedule main"))), "futex_wait schedule main");
});
