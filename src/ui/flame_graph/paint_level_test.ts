/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import fc from "fast-check";
import { buildFlameTree } from "./flame_tree.ts";
import { layoutFlames } from "./layout.ts";
import { type FlameColors, paintLevel } from "./paint_level.ts";
import { makePalette, shadeOf } from "./palette.ts";
import { profileOf, sampleProfile } from "./sample_profile.ts";

function paint(
  stacks: Parameters<typeof profileOf>[0] | undefined,
  options: { level: number; width: number; from?: number; to?: number; match?: string; zoomLevel?: number },
) {
  const tree = buildFlameTree(stacks === undefined ? sampleProfile : profileOf(stacks));
  const layout = layoutFlames(tree);
  const colors: FlameColors = {
    palette: makePalette(true),
    shades: Uint8Array.from(tree.symbols, shadeOf),
    matches: options.match === undefined
      ? undefined
      : Uint8Array.from(tree.symbols, ({ name }) => name === options.match ? 1 : 0),
    zoomLevel: options.zoomLevel ?? 0,
  };
  const row = new Uint32Array(options.width);
  const wide: string[] = [];
  const part = {
    tree,
    layout,
    level: options.level,
    from: options.from ?? 0,
    to: options.to ?? tree.total[0]!,
  };
  const painted = paintLevel(row, part, {
    colors,
    wideFrom: 20,
    onWide: (node) => wide.push(tree.symbols[tree.symbol[node]!]?.name ?? "all"),
  });
  return { row, wide, painted, colors };
}

Deno.test("paintLevel() gives each frame its share of the row, with one empty pixel at its end", () => {
  const { row, wide, painted } = paint(undefined, { level: 2, width: 130 });
  assert.deepEqual(wide, ["c", "a"]);
  assert.equal(row.findIndex((pixel) => pixel === 0), 69);
  assert.equal(new Set(row.slice(0, 69)).size, 1);
  assert.equal(new Set(row.slice(70, 129)).size, 1);
  assert.equal(painted, 69 + 59);
});

Deno.test("paintLevel() leaves what no frame covers empty", () => {
  const { row } = paint(undefined, { level: 3, width: 130 });
  assert.ok(row.slice(0, 70).every((pixel) => pixel === 0));
  assert.ok(row.slice(70, 109).every((pixel) => pixel !== 0));
  assert.ok(row.slice(110).every((pixel) => pixel === 0));
});

Deno.test("paintLevel() culls frames outside the zoom and stretches those inside", () => {
  const { row, wide } = paint(undefined, { level: 2, width: 60, from: 7, to: 13 });
  assert.deepEqual(wide, ["a"]);
  assert.ok(row.slice(0, 59).every((pixel) => pixel === row[0] && pixel !== 0));
});

Deno.test("paintLevel() never makes many slivers look like one broad frame", () => {
  const slivers = Array.from({ length: 5000 }, (_, index) => [`main;f${index}`, 1] as const);
  const { row } = paint(slivers, { level: 2, width: 100 });
  assert.ok(row.every((pixel) => pixel !== 0));
  assert.ok(new Set(row).size > 4);
});

Deno.test("paintLevel() shows a match even when it is one sliver among many in its pixel", () => {
  const slivers = Array.from({ length: 5000 }, (_, index) => [`main;f${index}`, 1] as const);
  const { row, colors } = paint(slivers, { level: 2, width: 100, match: "f4321" });
  const lit = [...row].filter((pixel) => colors.palette.full.includes(pixel));
  assert.equal(lit.length, 1);
});

Deno.test("paintLevel() fades the levels above what is zoomed into", () => {
  const { row, colors } = paint(undefined, { level: 1, width: 50, zoomLevel: 2 });
  assert.ok(colors.palette.faded.includes(row[0]!));
});

Deno.test("paintLevel() paints every pixel that a frame covers wholly, whatever the weights and the zoom", () => {
  const stacks = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 500 })), {
    minLength: 1,
  });
  fc.assert(fc.property(stacks, fc.integer({ min: 1, max: 200 }), (weights, width) => {
    const merged = new Map<string, number>();
    for (const [name, weight] of weights) merged.set(`f${name}`, (merged.get(`f${name}`) ?? 0) + weight);
    const { row } = paint([...merged], { level: 1, width });
    const gaps = [...row].filter((pixel) => pixel === 0).length;
    assert.ok(gaps <= merged.size);
  }));
});
