import assert from "node:assert/strict";
import { FrameKind } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import type { NamedFrame } from "../names/resolver.ts";
import { ChunkBuilder, chunkBytes, maxChunkBytes } from "./chunk_builder.ts";

const noCounts = { taken: 0n, stored: 0n, lostKernel: 0n, lostAgent: 0n, truncated: 0n };

function userFrame(name: string, address: bigint, module = "/bin/burn"): NamedFrame {
  return { kind: "user", function: name, module, address };
}

function newBuilder(): ChunkBuilder {
  const builder = new ChunkBuilder("0".repeat(32), ProfileKind.ON_CPU);
  builder.begin(1_000, 5);
  builder.addThread("7:7", { tid: 7, name: "main", processId: "p" });
  return builder;
}

Deno.test("ChunkBuilder sends each string, frame and stack once, in the chunk that first needs it", () => {
  const builder = newBuilder();
  builder.addStack("a", [userFrame("leaf", 1n), userFrame("main", 2n)]);
  builder.addSample("a", "7:7", 0, { weight: 3 });
  const [first] = builder.finish({ loss: { ...noCounts, taken: 3n, stored: 3n } }, false);
  assert.ok(first);
  assert.deepEqual(first.strings, ["", "leaf", "/bin/burn", "main"]);
  assert.deepEqual(first.stacks.map((stack) => stack.frames), [[0, 1]]);
  assert.equal(first.frames[0]?.kind, FrameKind.USER);

  builder.begin(6_000, 5);
  assert.ok(builder.hasStack("a"));
  builder.addStack("b", [userFrame("other", 3n), userFrame("main", 2n)]);
  builder.addSample("a", "7:7", 1, { weight: 2 });
  builder.addSample("b", "7:7", 4, { weight: 1 });
  const [second] = builder.finish({ loss: noCounts }, true);
  assert.ok(second);
  assert.deepEqual([
    second.number,
    second.stringsBase,
    second.framesBase,
    second.stacksBase,
    second.threadsBase,
  ], [
    1,
    4,
    2,
    1,
    1,
  ]);
  assert.deepEqual(second.strings, ["other"]);
  assert.deepEqual(second.stacks.map((stack) => stack.frames), [[2, 1]]);
  assert.deepEqual(second.sampleStacks, [0, 1]);
  assert.deepEqual(second.sampleSeconds, [1, 4]);
  assert.deepEqual(second.sampleWeights, [2n, 1n]);
  assert.ok(second.last && !first.last);
});

Deno.test("ChunkBuilder drops inlined functions nearest the root when a stack has too many frames", () => {
  const builder = newBuilder();
  const frames = Array.from({ length: 307 }, (_, depth): NamedFrame => {
    const inlined = depth % 3 === 0;
    return { ...userFrame(`f${depth}`, BigInt(depth)), ...(inlined && { inlined }) };
  });
  builder.addStack("a", frames);
  const [chunk] = builder.finish({ loss: noCounts }, true);
  const sent = chunk!.stacks[0]!.frames.map((frame) => chunk!.frames[frame]!);
  assert.equal(sent.length, 254);
  assert.equal(sent.filter(({ inlined }) => !inlined).length, 204);
  assert.deepEqual(
    sent.slice(0, 100).map(({ address }) => Number(address)),
    frames.slice(0, 100).map((frame) => Number(frame.address)),
  );
});

Deno.test("ChunkBuilder splits what is over 1 MiB into chunks of the same seconds and loses nothing", () => {
  const builder = newBuilder();
  const stacks = 997;
  for (let position = 0; position < stacks; position++) {
    const longest = "€".repeat(500) + position;
    builder.addStack(
      `${position}`,
      Array.from({ length: 254 }, (_, depth) => {
        const frame = userFrame(
          `${depth}é${position}${longest}`,
          BigInt(position * 1000 + depth),
          `${depth}€${longest}`,
        );
        return { ...frame, source: { file: `${longest}/${depth}€`, line: 2 ** 31 - 1 } };
      }).slice(0, position % 7 === 0 ? 254 : 3),
    );
    builder.addSample(`${position}`, "7:7", position % 5, { weight: 1 });
  }
  const chunks = builder.finish({ loss: { ...noCounts, stored: BigInt(stacks) } }, true);
  assert.ok(chunks.length > 1);
  for (const [position, chunk] of chunks.entries()) {
    assert.ok(chunkBytes(chunk) <= maxChunkBytes, `chunk ${position} has ${chunkBytes(chunk)} bytes`);
    assert.deepEqual([chunk.number, chunk.startUnixMs, chunk.seconds], [position, 1_000n, 5]);
    assert.equal(chunk.last, position === chunks.length - 1);
  }
  assert.equal(chunks.reduce((sum, chunk) => sum + chunk.sampleWeights.length, 0), stacks);
  assert.equal(chunks.reduce((sum, chunk) => sum + Number(chunk.loss?.stored ?? 0n), 0), stacks);
  const bases = chunks.map((chunk) => chunk.stacksBase);
  assert.deepEqual(
    bases,
    chunks.map((_, at) => chunks.slice(0, at).reduce((sum, one) => sum + one.stacks.length, 0)),
  );
});

Deno.test("ChunkBuilder.addSample() throws when the stack was never added", () => {
  assert.throws(() => newBuilder().addSample("missing", "7:7", 0, { weight: 1 }), RangeError);
});
