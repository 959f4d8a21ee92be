import { create, type Message } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  type Profile,
  type ProfileChunk,
  SwitchCountsSchema,
  WaitingThreadSchema,
  WaitState,
} from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { writeFolded } from "../export/write_folded.ts";
import { writeSpeedscope } from "../export/write_speedscope.ts";
import { sampleChunk, sampleTaskId } from "../sample_records.ts";
import { ProfileMerger } from "./profile_merger.ts";

const startMs = 1_795_000_000_000;

function chunk(number: number): ProfileChunk {
  const { body } = sampleChunk(1, { number, startMs });
  assert.ok(body.case === "profile");
  return body.value;
}

function merge(chunks: readonly (ProfileChunk & Message)[], fromSecond = 0, toSecond = 0): Profile {
  const range = {
    taskId: sampleTaskId,
    kind: ProfileKind.ON_CPU,
    taskStartMs: startMs,
    fromSecond,
    toSecond,
  };
  const merger = new ProfileMerger(range);
  for (const part of chunks) merger.add(part);
  return merger.finish();
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("ProfileMerger adds up chunks whose tables go on counting", () => {
  const profile = merge([chunk(0), chunk(1), chunk(2)]);
  assert.deepEqual(profile.sampleWeights, [105n]);
  assert.deepEqual(profile.secondWeights, new Array(15).fill(7n));
  assert.equal(profile.loss?.lostKernel, 6n);
  assert.equal(profile.missingChunks, 0);
  assert.equal(text(writeFolded(profile)), "main;leaf 105\n");
});

Deno.test("ProfileMerger cuts samples and loss to the range, but not the strip of seconds", () => {
  const profile = merge([chunk(0), chunk(1), chunk(2)], 3, 6);
  assert.deepEqual(profile.sampleWeights, [21n]);
  assert.equal(profile.secondWeights.length, 15);
  assert.equal(profile.loss?.taken, 74n);
  assert.deepEqual(merge([chunk(0)], 20, 30).sampleWeights, []);
});

Deno.test("ProfileMerger counts the chunks of the range that never came", () => {
  assert.equal(merge([chunk(0), chunk(3)]).missingChunks, 2);
  assert.equal(merge([chunk(0), chunk(3)], 0, 5).missingChunks, 0);
});

Deno.test("ProfileMerger shows what a lost chunk would have named as lost", () => {
  const profile = merge([chunk(1)]);
  assert.equal(profile.missingChunks, 1);
  assert.deepEqual(profile.sampleWeights, [35n]);
  assert.equal(text(writeFolded(profile)), "[lost] 35\n");
  const named = chunk(1);
  named.stacks = [{ ...chunk(0).stacks[0]!, frames: [0, 1] }];
  named.stacksBase = 0;
  assert.equal(text(writeFolded(merge([named]))), "[lost];[lost] 35\n");
});

Deno.test("ProfileMerger keeps states apart off-CPU, sums waits, and has who waited at the end of the range", () => {
  const [first, second] = [chunk(0), chunk(1)].map((part) => {
    part.kind = ProfileKind.OFF_CPU;
    part.sampleWaits = [1n, 1n, 1n, 1n, 1n];
    part.sampleRunQueueNs = [2n, 2n, 2n, 2n, 2n];
    const { SLEEPING, PREEMPTED } = WaitState;
    part.sampleStates = [SLEEPING, SLEEPING, PREEMPTED, SLEEPING, SLEEPING];
    const counts = { switches: 11n, involuntary: 1n, picked: 7n, brief: 3n, briefNs: 100n };
    part.switches = create(SwitchCountsSchema, counts);
    const waitedNs = BigInt(part.number + 1) * 1_000n;
    part.waiting = [create(WaitingThreadSchema, { stack: 0, thread: 0, state: SLEEPING, waitedNs })];
    return part;
  }) as [ProfileChunk, ProfileChunk];
  const merger = new ProfileMerger({
    ...{ taskId: sampleTaskId, kind: ProfileKind.OFF_CPU, taskStartMs: startMs, fromSecond: 0, toSecond: 0 },
  });
  merger.add(first);
  merger.add(second);
  const profile = merger.finish();
  assert.deepEqual(profile.sampleStates, [WaitState.SLEEPING, WaitState.PREEMPTED]);
  assert.deepEqual([profile.sampleWeights, profile.sampleWaits], [[56n, 14n], [8n, 2n]]);
  assert.deepEqual([profile.sampleRunQueueNs, profile.secondRunQueueNs], [[16n, 4n], new Array(10).fill(2n)]);
  assert.deepEqual([profile.switches?.switches, profile.switches?.picked], [22n, 14n]);
  assert.deepEqual(profile.waiting.map(({ waitedNs }) => waitedNs), [2_000n]);
});

Deno.test("ProfileMerger is not led astray by tables that claim to be huge", () => {
  const hostile = chunk(1);
  hostile.stringsBase = 0xffffffff;
  hostile.strings = ["x"];
  const profile = merge([chunk(0), hostile]);
  assert.deepEqual([profile.sampleWeights, profile.missingChunks], [[35n], 1]);
});

Deno.test("writeSpeedscope() writes one profile a thread with matching columns", () => {
  const file = JSON.parse(text(writeSpeedscope(merge([chunk(0), chunk(1)]), "hot")));
  assert.equal(file.$schema, "https://www.speedscope.app/file-format-schema.json");
  const [profile] = file.profiles;
  assert.deepEqual([profile.type, profile.unit, profile.endValue], ["sampled", "none", 70]);
  const names = profile.samples[0].map((frame: number) => file.shared.frames[frame].name);
  assert.deepEqual(names, ["main", "leaf"]);
});
