import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { EBPFProfilingStackMetadataSchema as StackSchema } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { ProfileChunkSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { ProfileMerger } from "../profile/profile_merger.ts";
import { ChunkTables } from "./chunk_tables.ts";

const startMs = 1_800_000_000_000;
const process = { id: "p-1", pid: 7 };
const range = { taskId: "t", kind: ProfileKind.ON_CPU, taskStartMs: startMs, fromSecond: 0, toSecond: 0 };

function datum(symbols: string[], weight: number) {
  return {
    process,
    stacks: [create(StackSchema, { stackType: 1, stackSymbols: symbols })],
    weight,
    waits: 0,
  };
}

Deno.test("ChunkTables splits what is large into chunks of less than 1 MiB and loses nothing", () => {
  const tables = new ChunkTables("t", ProfileKind.ON_CPU, startMs);
  // Characters of three bytes each, and more of them than a name may have.
  const data = Array.from({ length: 211 }, (_, index) => {
    return datum(Array.from({ length: 30 }, (_, depth) => `${index}-${depth} ${"€".repeat(2_000)}`), 3);
  });
  const chunks = tables.write(startMs + 5_000, data);
  assert.ok(chunks.length > 10, `${chunks.length} chunks`);
  for (const chunk of chunks) assert.ok(toBinary(ProfileChunkSchema, chunk).length < 1024 * 1024);
  const merger = new ProfileMerger(range);
  for (const chunk of chunks) merger.add(chunk);
  const profile = merger.finish();
  assert.equal(profile.sampleStacks.length, 211);
  assert.deepEqual([profile.loss?.taken, profile.loss?.stored, profile.missingChunks], [633n, 633n, 0]);
  assert.deepEqual(profile.secondWeights, [127n, 127n, 127n, 126n, 126n]);
});

Deno.test("ChunkTables spreads what was counted over the seconds in which it was, exactly and without a favourite", () => {
  const tables = new ChunkTables("t", ProfileKind.OFF_CPU, startMs);
  const off = (symbol: string, weight: number, waits: number) => ({ ...datum([symbol], weight), waits });
  const writes = [
    // The first five seconds, in which all that does not divide goes round.
    { atMs: startMs + 5_000, data: [off("a", 1_000_000_007, 3), off("b", 12, 1), off("c", 2, 2)] },
    // Two seconds later, and the same time once more, as of a stream that had more than fits into a chunk.
    { atMs: startMs + 7_000, data: [off("a", 101, 1)] },
    { atMs: startMs + 7_000, data: [off("b", 101, 1)] },
    // After a minute without a wait: it still counted five seconds.
    { atMs: startMs + 67_000, data: [off("a", 10, 5)] },
  ];
  const chunks = writes.flatMap(({ atMs, data }) => tables.write(atMs, data));
  assert.deepEqual(chunks.map(({ seconds }) => seconds), [5, 2, 2, 5]);
  const merger = new ProfileMerger({ ...range, kind: ProfileKind.OFF_CPU });
  for (const chunk of chunks) merger.add(chunk);
  const { secondWeights, secondWaits, sampleWeights, loss } = merger.finish();
  assert.deepEqual(secondWeights.slice(0, 5), [
    ...[200_000_005n, 200_000_004n, 200_000_004n, 200_000_004n, 200_000_004n],
  ]);
  assert.deepEqual(secondWaits.slice(0, 5), [2n, 1n, 1n, 1n, 1n]);
  assert.deepEqual([secondWeights.slice(5, 7), secondWaits.slice(5, 7)], [[101n, 101n], [1n, 1n]]);
  assert.deepEqual(secondWeights.slice(60), [0n, 0n, 2n, 2n, 2n, 2n, 2n]);
  assert.deepEqual(sampleWeights, [1_000_000_007n + 111n, 113n, 2n]);
  assert.equal(loss?.taken, 13n);
});

Deno.test("ChunkTables gives each process the seconds that it counted", () => {
  const tables = new ChunkTables("t", ProfileKind.ON_CPU, startMs);
  const other = { ...datum(["b"], 4), process: { id: "p-2", pid: 8 } };
  tables.write(startMs + 5_000, [datum(["a"], 1)]);
  const [chunk] = tables.write(startMs + 7_000, [datum(["a"], 4), other]);
  const ofProcess = (thread: number) =>
    chunk!.sampleSeconds.filter((_, index) => chunk!.sampleThreads[index] === thread);
  assert.deepEqual([chunk?.seconds, ofProcess(0), ofProcess(1).length], [5, [3, 4], 4]);
  // Going on behind stored chunks it knows until when they were.
  const resumed = new ChunkTables("t", ProfileKind.ON_CPU, startMs);
  resumed.resume(chunk!, ["p-1", "p-2"]);
  assert.equal(resumed.write(startMs + 10_000, [datum(["a"], 1)])[0]?.seconds, 3);
});

Deno.test("ChunkTables passes over weights that make no sense and cuts stacks that are too deep", () => {
  const tables = new ChunkTables("t", ProfileKind.ON_CPU, startMs);
  assert.deepEqual(tables.write(startMs + 1_000, [datum(["a"], 0), datum(["a"], -5)]), []);
  const deep = Array.from({ length: 300 }, (_, depth) => `f${depth}`);
  const [chunk] = tables.write(startMs + 2_000, [datum(deep, 5), datum(["a"], 1)]);
  assert.deepEqual(chunk?.stacks.map(({ frames }) => frames.length), [254, 1]);
  assert.deepEqual([chunk?.loss?.truncated, chunk?.loss?.stored, chunk?.seconds], [5n, 6n, 1]);
  // The clock of an agent may go back.
  const [again] = tables.write(startMs, [datum(["a"], 1)]);
  assert.deepEqual([again?.number, again?.stacks, again?.sampleStacks], [1, [], [1]]);
});
