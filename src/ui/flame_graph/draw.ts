import { cutMiddle, showInvisible } from "../format.ts";
import type { FlameTree } from "./flame_tree.ts";
import type { FlameLayout } from "./layout.ts";
import { type FlameColors, paintLevel } from "./paint_level.ts";

/** Height of one level in CSS pixels. */
export const rowHeight = 20;
const narrowestLabel = 30;

/** The part of a layout that shows. */
export interface FlameViewport {
  /** CSS pixels of the canvas. */
  readonly width: number;
  readonly height: number;
  /** Levels are this far above the canvas. */
  readonly scrollTop: number;
  /** Weights at the left and right edge. */
  readonly from: number;
  readonly to: number;
  /** True puts node 0 at the bottom. */
  readonly upward: boolean;
}

/** Everything one picture needs. */
export interface FlameScene {
  readonly tree: FlameTree;
  readonly layout: FlameLayout;
  readonly viewport: FlameViewport;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly colors: FlameColors;
  /** -1 for none. */
  readonly selected: number;
  readonly hovered: number;
  readonly ink: { readonly label: string; readonly fadedLabel: string; readonly outline: string };
  readonly font: string;
  /** Width of one character of `font` in CSS pixels. */
  readonly characterWidth: number;
}

/** Top edge of a level on the canvas, in CSS pixels. */
export function levelTop(level: number, levels: number, viewport: FlameViewport): number {
  const row = viewport.upward ? levels - 1 - level : level;
  return row * rowHeight - viewport.scrollTop;
}

/** Paints the levels that show: boxes as pixels of one image, then labels and outlines over it. */
export function drawFlames(context: CanvasRenderingContext2D, scene: FlameScene): void {
  const { tree, layout, viewport, ratio, colors } = scene;
  const width = Math.round(viewport.width * ratio);
  const height = Math.round(viewport.height * ratio);
  if (width === 0 || height === 0) return;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const row = new Uint32Array(width);
  const labels: (() => void)[] = [];
  for (let level = 0; level < layout.levels; level++) {
    const top = levelTop(level, layout.levels, viewport);
    if (top + rowHeight <= 0 || top >= viewport.height) continue;
    row.fill(0);
    paintLevel(row, { tree, layout, level, from: viewport.from, to: viewport.to }, {
      colors,
      wideFrom: narrowestLabel * ratio,
      onWide: (node, left, right, full) =>
        labels.push(() =>
          drawLabel(context, scene, { node, left: left / ratio, right: right / ratio, top, full })
        ),
    });
    const end = Math.min(height, Math.round((top + rowHeight - 1) * ratio));
    for (let y = Math.max(0, Math.round(top * ratio)); y < end; y++) pixels.set(row, y * width);
  }
  context.putImageData(image, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = scene.font;
  context.textBaseline = "middle";
  for (const label of labels) label();
  outline(context, scene, scene.hovered, 1);
  outline(context, scene, scene.selected, 2);
}

function drawLabel(
  context: CanvasRenderingContext2D,
  { tree, ink, characterWidth }: FlameScene,
  { node, left, right, top, full }: { node: number; left: number; right: number; top: number; full: boolean },
): void {
  const name = tree.symbols[tree.symbol[node]!]?.name ?? "all";
  const characters = Math.floor((right - left - 9) / characterWidth);
  context.fillStyle = full ? ink.label : ink.fadedLabel;
  context.fillText(
    cutMiddle(showInvisible(name), characters),
    left + 4,
    top + rowHeight / 2,
    right - left - 7,
  );
}

function outline(context: CanvasRenderingContext2D, scene: FlameScene, node: number, width: number): void {
  if (node < 0 || node >= scene.tree.size) return;
  const { layout, viewport, tree } = scene;
  const scale = viewport.width / (viewport.to - viewport.from);
  const weight = layout.start[layout.position[node]!]!;
  const left = Math.max(0, (weight - viewport.from) * scale);
  const right = Math.min(viewport.width, (weight + tree.total[node]! - viewport.from) * scale);
  if (right <= 0 || left >= viewport.width) return;
  const top = levelTop(layout.level[node]!, layout.levels, viewport);
  context.strokeStyle = scene.ink.outline;
  context.lineWidth = width;
  context.strokeRect(
    left + width / 2,
    top + width / 2 - 0.5,
    Math.max(2, right - left) - width,
    rowHeight - width,
  );
}
