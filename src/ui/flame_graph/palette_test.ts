/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { FrameKind } from "../../gen/stakeout/v1/profile_pb.ts";
import { legendShade, makePalette, shadeOf, toCss } from "./palette.ts";

Deno.test("shadeOf() keeps kinds apart and gives one name one shade", () => {
  const kinds = [
    ...[FrameKind.USER, FrameKind.KERNEL, FrameKind.JIT, FrameKind.INTERPRETED, FrameKind.UNSPECIFIED],
  ];
  const rows = kinds.map((kind) => Math.floor(shadeOf({ kind, name: "malloc" }) / 8));
  assert.deepEqual(rows, [0, 1, 2, 3, 4]);
  assert.equal(shadeOf({ kind: FrameKind.USER, name: "x" }), shadeOf({ kind: FrameKind.USER, name: "x" }));
});

Deno.test("makePalette() makes opaque colours, warm for the program and blue for the kernel", () => {
  for (const dark of [true, false]) {
    const { full } = makePalette(dark);
    assert.ok(full.every((pixel) => pixel >>> 24 === 255));
    const channels = (kind: FrameKind) => toCss(full[legendShade(kind)]!).match(/\d+/g)!.map(Number);
    const [red = 0, , blue = 0] = channels(FrameKind.USER);
    assert.ok(red > blue);
    const [kernelRed = 0, , kernelBlue = 0] = channels(FrameKind.KERNEL);
    assert.ok(kernelBlue > kernelRed);
  }
});

Deno.test("toCss() takes a little-endian pixel apart", () => {
  assert.equal(toCss(0xff0a141e), "rgb(30 20 10)");
});
