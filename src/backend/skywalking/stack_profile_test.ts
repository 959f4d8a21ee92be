import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { EBPFProfilingStackMetadataSchema as StackSchema } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { type ProfileChunk, ProfileChunkSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, TaskSchema } from "../../gen/stakeout/v1/task_pb.ts";
import { ProfileMerger } from "../profile/profile_merger.ts";
import type { Store } from "../store/store.ts";
import type { RecordBody } from "./record_body.ts";
import { type CountedStacks, StackProfile } from "./stack_profile.ts";
import { TakenKeys } from "./taken_keys.ts";

const startMs = 1_800_000_000_000;
const task = create(TaskSchema, { id: "t", startedAtUnixMs: BigInt(startMs) });

/** A store of chunks alone. */
class Chunks {
  readonly chunks: ProfileChunk[] = [];

  readonly report = (bodies: readonly RecordBody[]): Promise<void> => {
    for (const { value } of bodies) this.chunks.push(value as ProfileChunk);
    return Promise.resolve();
  };

  open(): Promise<StackProfile> {
    const readChunks = (_taskId: string, _kind: number, from: number) =>
      Promise.resolve(
        this.chunks.slice(from).map((chunk) => ({
          number: chunk.number,
          data: toBinary(ProfileChunkSchema, chunk),
        })),
      );
    return StackProfile.open(task, ProfileKind.ON_CPU, { readChunks } as Partial<Store> as Store);
  }

  fold(): Record<string, bigint> {
    const range = { taskId: "t", kind: ProfileKind.ON_CPU, taskStartMs: startMs, fromSecond: 0, toSecond: 0 };
    const merger = new ProfileMerger(range);
    for (const chunk of this.chunks) merger.add(chunk);
    const { missingChunks, strings, frames, stacks, sampleStacks, sampleWeights } = merger.finish();
    assert.equal(missingChunks, 0);
    const folded: Record<string, bigint> = {};
    sampleStacks.forEach((stack, index) => {
      const key = stacks[stack]!.frames.map((frame) => strings[frames[frame]!.function]).join(";");
      folded[key] = (folded[key] ?? 0n) + sampleWeights[index]!;
    });
    return folded;
  }
}

function counted(second: number, stacks: readonly [name: string, number: number, weight: number][]) {
  const data = stacks.map(([name, stackId, weight]) => ({
    ...{ process: { id: "p", pid: 7 }, weight, waits: 0 },
    stacks: [create(StackSchema, { stackType: 1, stackId, stackSymbols: [name, "main"] })],
  }));
  return { atMs: startMs + second * 1000, agentAtMs: second * 1000, isExact: true, data };
}

Deno.test("StackProfile takes what is sent again once, also behind what an earlier run stored", async () => {
  const store = new Chunks();
  const profile = await store.open();
  // Two stacks of Rover's with the same names differ in their numbers.
  const first = counted(5, [["a", 1, 3], ["a", 2, 4], ["b", 3, 5]]);
  for (let time = 0; time < 3; time++) await profile.take(first, store.report);
  assert.deepEqual(store.fold(), { "a;main": 7n, "b;main": 5n });
  // One part of the second time was stored before the end.
  const second = counted(10, [["a", 1, 3], ["b", 3, 5], ["c", 4, 6]]);
  await profile.take({ ...second, data: second.data.slice(0, 2) }, store.report);
  const restarted = await store.open();
  for (const all of [first, second, second, counted(15, [["a", 1, 1]])]) {
    await restarted.take(all, store.report);
  }
  assert.deepEqual(store.fold(), { "a;main": 11n, "b;main": 10n, "c;main": 6n });
});

Deno.test("StackProfile keeps times apart that had to be moved, and forgets nothing that was not stored", async () => {
  const store = new Chunks();
  const profile = await store.open();
  const moved = (agentAtMs: number): CountedStacks => ({
    ...counted(60, [["a", 1, 1]]),
    ...{ agentAtMs, isExact: false },
  });
  await profile.take(moved(1), store.report);
  await profile.take(moved(2), store.report);
  const restarted = await store.open();
  await restarted.take(moved(3), store.report);
  assert.deepEqual(store.fold(), { "a;main": 3n });

  const failing = counted(65, [["d", 5, 8]]);
  await assert.rejects(restarted.take(failing, () => Promise.reject(new Error("disk is full"))), /full/);
  const reopened = await store.open();
  await reopened.take(failing, store.report);
  await reopened.take(failing, store.report);
  assert.deepEqual(store.fold(), { "a;main": 3n, "d;main": 8n });
});

Deno.test("TakenKeys remembers the last 50,000 at least and 100,000 at most", () => {
  const taken = new TakenKeys();
  for (let key = 0; key < 250_000; key++) {
    taken.add(key);
    if (key % 9_973 !== 0) continue;
    assert.ok(taken.has(key) && taken.has(Math.max(0, key - 49_999)));
    assert.equal(taken.has(key - 100_000), false);
  }
});
