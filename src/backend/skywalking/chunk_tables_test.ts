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
  assert.deepEqual(profile.secondWeights, [0n, 0n, 0n, 0n, 633n]);
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
