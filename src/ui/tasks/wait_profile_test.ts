/// <reference lib="deno.ns" />
import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { FrameKind, ProfileSchema, WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { buildFlameTree } from "../flame_graph/flame_tree.ts";
import { viewWaits } from "./wait_profile.ts";

/** main waits for a lock in `take`, is preempted there once, and reads what no table knows. */
const profile = create(ProfileSchema, {
  kind: ProfileKind.OFF_CPU,
  strings: ["", "futex_wait", "take", "main", "odd_driver_wait"],
  frames: [
    { kind: FrameKind.KERNEL, function: 1 },
    { kind: FrameKind.USER, function: 2 },
    { kind: FrameKind.USER, function: 3 },
    { kind: FrameKind.KERNEL, function: 4 },
  ],
  stacks: [{ frames: [0, 1, 2] }, { frames: [3, 2] }],
  threads: [{ tid: 1, name: "one" }],
  ...{ sampleStacks: [0, 0, 1], sampleThreads: [0, 0, 0] },
  sampleStates: [WaitState.SLEEPING, WaitState.PREEMPTED, WaitState.UNINTERRUPTIBLE],
  sampleWeights: [7_000n, 0n, 2_000n],
  sampleWaits: [23n, 3n, 5n],
  sampleRunQueueNs: [100n, 900n, 0n],
  ...{ secondWeights: [9_000n], secondWaits: [31n], secondRunQueueNs: [1_000n] },
});

function leavesOf(view: ReturnType<typeof viewWaits>): Record<string, number> {
  const tree = buildFlameTree(view.profile, { thread: undefined, runtimeFrames: true });
  const leaves: Record<string, number> = {};
  for (let node = 1; node < tree.size; node++) {
    if (tree.self[node]! > 0) leaves[tree.symbols[tree.symbol[node]!]!.name] = tree.self[node]!;
  }
  return leaves;
}

Deno.test("viewWaits() draws blocked time, waits or run-queue time, with the reason as the leaf", () => {
  assert.deepEqual(leavesOf(viewWaits(profile, "time", "")), {
    "[lock (futex)]": 7_000,
    odd_driver_wait: 2_000,
  });
  assert.deepEqual(leavesOf(viewWaits(profile, "waits", "")), {
    "[lock (futex)]": 23,
    "[CPU]": 3,
    odd_driver_wait: 5,
  });
  assert.deepEqual(leavesOf(viewWaits(profile, "run_queue", "")), { "[lock (futex)]": 100, "[CPU]": 900 });
  assert.deepEqual(viewWaits(profile, "run_queue", "").profile.secondWeights, [1_000n]);
});

Deno.test("viewWaits() keeps one reason, and says what all weigh", () => {
  const view = viewWaits(profile, "waits", "CPU");
  assert.deepEqual(leavesOf(view), { "[CPU]": 3 });
  assert.deepEqual(view.reasons, [
    { reason: "lock (futex)", weight: 23 },
    { reason: "other", weight: 5 },
    { reason: "CPU", weight: 3 },
  ]);
});
