import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { FrameKind, ProfileSchema, WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { writePprof } from "./write_pprof.ts";

Deno.test("writePprof() writes samples and CPU time with names and threads", async () => {
  const profile = create(ProfileSchema, {
    kind: ProfileKind.ON_CPU,
    strings: ["", "leaf", "main", "/srv/app"],
    frames: [
      { kind: FrameKind.USER, function: 1, module: 3, address: 0x10n },
      { kind: FrameKind.USER, function: 2, module: 3, address: 0x20n },
    ],
    stacks: [{ frames: [0, 1] }, { frames: [1] }],
    threads: [{ tid: 7, name: "worker" }],
    sampleStacks: [0, 1],
    sampleThreads: [0, 0],
    sampleWeights: [23n, 77n],
    startUnixMs: 1_795_000_000_000n,
  });
  const bytes = gunzipSync(await writePprof(profile, { frequencyHz: 100, durationSeconds: 1 }));
  const text = new TextDecoder().decode(bytes);
  for (
    const word of [
      "samples",
      "count",
      "cpu",
      "nanoseconds",
      "leaf",
      "main",
      "/srv/app",
      "thread",
      "worker (7)",
    ]
  ) {
    assert.ok(text.includes(word), word);
  }
  // Sample.value (field 2, packed): 23 samples of 10 ms each.
  const values = [0x12, 6, 23, ...varint(230_000_000)];
  values[1] = values.length - 2;
  assert.ok(Buffer.from(bytes).includes(Uint8Array.from(values)));
});

Deno.test("writePprof() writes time blocked, waits and run-queue time off-CPU, with state and reason", async () => {
  const profile = create(ProfileSchema, {
    kind: ProfileKind.OFF_CPU,
    strings: ["", "futex_wait", "main"],
    frames: [{ kind: FrameKind.KERNEL, function: 1 }, { kind: FrameKind.USER, function: 2 }],
    stacks: [{ frames: [0, 1] }],
    threads: [{ tid: 7, name: "worker" }],
    ...{
      sampleStacks: [0, 0],
      sampleThreads: [0, 0],
      sampleStates: [WaitState.SLEEPING, WaitState.PREEMPTED],
    },
    ...{ sampleWeights: [1_000_003n, 0n], sampleWaits: [23n, 29n], sampleRunQueueNs: [31n, 37n] },
  });
  const bytes = gunzipSync(await writePprof(profile, { frequencyHz: 0, durationSeconds: 1 }));
  const text = new TextDecoder().decode(bytes);
  for (
    const word of [
      ...["off_cpu", "nanoseconds", "events", "count", "run_queue"],
      ...["state", "sleeping", "preempted", "reason", "lock (futex)", "CPU"],
    ]
  ) {
    assert.ok(text.includes(word), word);
  }
  const values = [0x12, 0, ...varint(1_000_003), 23, 31];
  values[1] = values.length - 2;
  assert.ok(Buffer.from(bytes).includes(Uint8Array.from(values)));
});

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}
