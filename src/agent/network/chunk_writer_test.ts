import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  NetworkChunkSchema,
  NetworkLossSchema,
  NetworkPathSchema,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { ChunkWriter } from "./chunk_writer.ts";

const span = { startUnixMs: 5000, seconds: 5, limits: ["none"], last: false };

function finish(writer: ChunkWriter) {
  return writer.finish({ ...span, loss: create(NetworkLossSchema, { merged: 3n }) });
}

Deno.test("ChunkWriter numbers chunks without gaps, one even when nothing passed", () => {
  const writer = new ChunkWriter("a".repeat(32));
  const [empty] = finish(writer);
  assert.deepEqual([empty?.number, empty?.seconds, empty?.limits, empty?.loss?.merged], [0, 5, ["none"], 3n]);
  writer.add("traffic", create(NetworkTrafficSchema, { edge: 1 }));
  const [next] = finish(writer);
  assert.deepEqual([next?.number, next?.traffic.length], [1, 1]);
});

Deno.test("ChunkWriter keeps each chunk under 1 MiB, and counts what did not fit into four", () => {
  const writer = new ChunkWriter("a".repeat(32));
  const path = "x".repeat(1000);
  let added = 0;
  for (let pathNumber = 1; pathNumber <= 5000; pathNumber++) {
    if (writer.add("paths", create(NetworkPathSchema, { pathNumber, path }))) added++;
  }
  const chunks = finish(writer);
  assert.equal(chunks.length, 4);
  for (const chunk of chunks) {
    const bytes = toBinary(NetworkChunkSchema, chunk).length;
    assert.ok(bytes > 800_000 && bytes < 1 << 20, `${bytes} bytes`);
  }
  assert.deepEqual(chunks.map(({ number }) => number), [0, 1, 2, 3]);
  assert.equal(chunks.reduce((sum, { paths }) => sum + paths.length, 0), added);
  assert.equal(chunks.at(-1)?.loss?.droppedRows, BigInt(5000 - added));
  assert.equal(finish(writer)[0]?.loss?.droppedRows, 0n);
});
