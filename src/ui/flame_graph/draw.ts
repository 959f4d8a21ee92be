import { cutMiddle, showInvisible } from "../format.ts";
import type { FlameTree } from "./flame_tree.ts";
import { findPosition, type FlameLayout } from "./layout.ts";
import type { Palette } from "./palette.ts";

/** Height of one level in CSS pixels. */
export const rowHeight = 20;
const narrowest = 1;
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
  readonly palette: Palette;
  /** By symbol. */
  readonly shades: Uint8Array;
  /** By symbol: 1 stays in full colour; undefined when nothing is searched. */
  readonly matches: Uint8Array | undefined;
  /** Levels above this one only lead to what is zoomed into and are faded. */
  readonly zoomLevel: number;
  readonly selected: number;
  readonly hovered: number;
  readonly ink: { readonly label: string; readonly fadedLabel: string; readonly outline: string };
  readonly font: string;
  /** Width of one character of `font`. */
  readonly characterWidth: number;
}

/** Top edge of a level on the canvas. */
export function levelTop(level: number, levels: number, viewport: FlameViewport): number {
  const row = viewport.upward ? levels - 1 - level : level;
  return row * rowHeight - viewport.scrollTop;
}

/**
 * Paints the frames that show: levels outside the canvas and frames outside the zoom are culled, neighbours narrower
 * than a pixel are merged into one box. Returns how many boxes were painted.
 */
export function drawFlames(context: CanvasRenderingContext2D, scene: FlameScene): number {
  const { layout, viewport } = scene;
  context.clearRect(0, 0, viewport.width, viewport.height);
  context.font = scene.font;
  context.textBaseline = "middle";
  let painted = 0;
  for (let level = 0; level < layout.levels; level++) {
    const top = levelTop(level, layout.levels, viewport);
    if (top + rowHeight > 0 && top < viewport.height) painted += drawLevel(context, scene, level, top);
  }
  outline(context, scene, scene.hovered, 1);
  outline(context, scene, scene.selected, 2);
  return painted;
}

function drawLevel(context: CanvasRenderingContext2D, scene: FlameScene, level: number, top: number): number {
  const { tree, layout, viewport, palette, shades, matches } = scene;
  const { node, start } = layout;
  const end = layout.levelStart[level + 1]!;
  const scale = viewport.width / (viewport.to - viewport.from);
  const leads = level < scene.zoomLevel;
  const height = rowHeight - 1;
  let painted = 0;
  let runStart = -1;
  let runEnd = -1;
  let runFull = false;
  let runShade = 0;
  const flushRun = () => {
    if (runStart < 0) return;
    context.fillStyle = (runFull ? palette.full : palette.faded)[runShade]!;
    context.fillRect(runStart, top, Math.max(0.5, runEnd - runStart), height);
    painted++;
    runStart = -1;
  };
  for (let position = findPosition(tree, layout, level, viewport.from); position < end; position++) {
    const weightStart = start[position]!;
    if (weightStart >= viewport.to) break;
    const at = node[position]!;
    const left = Math.max(0, (weightStart - viewport.from) * scale);
    const right = Math.min(viewport.width, (weightStart + tree.total[at]! - viewport.from) * scale);
    const symbol = tree.symbol[at]!;
    const shade = symbol < 0 ? palette.full.length - 1 : shades[symbol]!;
    const full = !leads && (matches === undefined || (symbol >= 0 && matches[symbol] === 1));
    if (right - left < narrowest) {
      if (runStart >= 0 && left - runEnd > narrowest) flushRun();
      if (runStart < 0) {
        runStart = left;
        runFull = full;
        runShade = shade;
      } else if (full && !runFull) {
        runFull = true;
        runShade = shade;
      }
      runEnd = right;
      continue;
    }
    flushRun();
    context.fillStyle = (full ? palette.full : palette.faded)[shade]!;
    context.fillRect(left, top, right - left - Math.min(0.6, (right - left) * 0.2), height);
    painted++;
    if (right - left > narrowestLabel) {
      context.fillStyle = full ? scene.ink.label : scene.ink.fadedLabel;
      const name = symbol < 0 ? "all" : tree.symbols[symbol]!.name;
      const characters = Math.floor((right - left - 9) / scene.characterWidth);
      context.fillText(cutMiddle(showInvisible(name), characters), left + 4, top + height / 2 + 0.5, right - left - 7);
    }
  }
  flushRun();
  return painted;
}

function outline(context: CanvasRenderingContext2D, scene: FlameScene, node: number, width: number): void {
  if (node < 0 || node >= scene.tree.size) return;
  const { layout, viewport, tree } = scene;
  const scale = viewport.width / (viewport.to - viewport.from);
  const weightStart = layout.start[layout.position[node]!]!;
  const left = Math.max(0, (weightStart - viewport.from) * scale);
  const right = Math.min(viewport.width, (weightStart + tree.total[node]! - viewport.from) * scale);
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
