import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { FrameKind, FrameSchema, StackEnd, StackSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import { QualitySum } from "./quality_sum.ts";

const strings = ["", "main", "/usr/bin/server", "/usr/lib/libfoo.so"];
const frames = [
  { kind: FrameKind.USER, function: 1, module: 2 },
  { kind: FrameKind.USER, function: 0, module: 3 },
  { kind: FrameKind.KERNEL, function: 0, module: 0 },
].map((frame) => create(FrameSchema, frame));

function stack(indexes: number[], end: StackEnd) {
  return create(StackSchema, { frames: indexes, end });
}

Deno.test("QualitySum sums ends, where stacks were cut and which modules have functions without names", () => {
  const sum = new QualitySum(strings, frames);
  sum.add(stack([0], StackEnd.WHOLE), 90);
  sum.add(stack([2, 1, 0], StackEnd.WHOLE), 5);
  sum.add(stack([0, 1], StackEnd.NO_TABLE), 3);
  sum.add(stack([1, 0], StackEnd.FRAME_POINTERS), 1);
  sum.add(undefined, 2);
  sum.add(stack([2], StackEnd.UNSPECIFIED), 3);
  // Of this one nobody told.
  sum.add(stack([2, 0], StackEnd.UNSPECIFIED), 7);
  const { ends, cutIn, unnamedIn } = sum.finish();
  assert.deepEqual(ends, [5n, 95n, 3n, 0n, 0n, 0n, 0n, 1n]);
  assert.deepEqual(cutIn.map(({ module, weight, end }) => [module, weight, end]), [
    ["/usr/lib/libfoo.so", 3n, StackEnd.NO_TABLE],
  ]);
  assert.deepEqual(unnamedIn.map(({ module, weight }) => [module, weight]), [["/usr/lib/libfoo.so", 9n]]);
});

Deno.test("QualitySum keeps the 16 heaviest modules", () => {
  const many = Array.from({ length: 40 }, (_, index) => `module ${index}`);
  const table = many.map((_, index) => create(FrameSchema, { kind: FrameKind.USER, module: index }));
  const sum = new QualitySum(many, table);
  many.forEach((_, index) => sum.add(stack([index], StackEnd.NO_TABLE), index));
  const { cutIn } = sum.finish();
  assert.deepEqual(
    cutIn.map(({ weight }) => Number(weight)),
    Array.from({ length: 16 }, (_, index) => 39 - index),
  );
});
