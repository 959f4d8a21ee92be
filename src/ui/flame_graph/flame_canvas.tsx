import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useWidth } from "../components/use_width.ts";
import { isDark, paintVersion, readColor } from "../theme.ts";
import { drawFlames, type FlameViewport, levelTop, rowHeight } from "./draw.ts";
import { FlameTip } from "./flame_tip.tsx";
import type { FlameTree, WeightUnit } from "./flame_tree.ts";
import { findNode, type FlameLayout } from "./layout.ts";
import { type FlameStep, stepFrom } from "./move.ts";
import { makePalette, shadeOf } from "./palette.ts";
import { useZoom } from "./use_zoom.ts";

const tallestPx = 620;
const fontPx = 12;

/** The graph itself: paints, and turns pointer and keys into what is selected and zoomed. */
export function FlameCanvas(
  { tree, layout, unit, zoom, selected, matches, upward, describedBy, onSelect, onZoom }: {
    tree: FlameTree;
    layout: FlameLayout;
    unit: WeightUnit;
    /** Node that fills the width. */
    zoom: number;
    /** -1 for none. */
    selected: number;
    matches: Uint8Array | undefined;
    upward: boolean;
    /** Id of the element that says what is selected. */
    describedBy: string;
    onSelect: (node: number) => void;
    onZoom: (node: number) => void;
  },
) {
  const { ref: scroller, width } = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [scrollTop, setScrollTop] = useState(0);
  const [hover, setHover] = useState<{ node: number; x: number; y: number }>();
  const start = layout.start[layout.position[zoom]!]!;
  const range = useZoom({ from: start, to: start + tree.total[zoom]! }, tree);
  const shades = useMemo(() => Uint8Array.from(tree.symbols, shadeOf), [tree]);
  const version = paintVersion.value;
  const look = useMemo(() => readLook(), [version]);
  const fullHeight = layout.levels * rowHeight;
  const height = Math.min(fullHeight, tallestPx);
  const viewport: FlameViewport = { width, height, scrollTop, from: range.from, to: range.to, upward };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element !== null) element.scrollTop = upward ? fullHeight : 0;
  }, [upward]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null || selected < 0) return;
    const row = levelTop(layout.level[selected]!, layout.levels, { ...viewport, scrollTop: 0 });
    if (row < element.scrollTop) element.scrollTop = row - rowHeight;
    else if (row + rowHeight > element.scrollTop + height) element.scrollTop = row + 2 * rowHeight - height;
  }, [selected, tree]);

  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d", { alpha: true });
    if (element === null || context === null || context === undefined || width === 0) return;
    const ratio = devicePixelRatio;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    drawFlames(context, {
      ...{ tree, layout, viewport, ratio, selected },
      ...look,
      colors: { palette: look.palette, shades, matches, zoomLevel: layout.level[zoom]! },
      hovered: hover?.node ?? -1,
    });
  });

  const nodeAt = (event: MouseEvent): number | undefined => {
    const box = canvas.current?.getBoundingClientRect();
    if (box === undefined) return undefined;
    const row = Math.floor((event.clientY - box.top + scrollTop) / rowHeight);
    const weight = range.from + ((event.clientX - box.left) / width) * (range.to - range.from);
    return findNode(tree, layout, { level: upward ? layout.levels - 1 - row : row, weight });
  };

  return (
    <div
      class="flames"
      ref={scroller}
      style={{ height: `${height}px` }}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      <div style={{ height: `${fullHeight}px` }}>
        <canvas
          ref={canvas}
          style={{ width: `${width}px`, height: `${height}px` }}
          tabIndex={0}
          role="application"
          aria-roledescription="flame graph"
          aria-label="Flame graph. Arrow keys move between frames, Enter zooms in, Backspace out, Escape shows all. The table below lists the same functions."
          aria-describedby={describedBy}
          onPointerMove={(event) => {
            const node = nodeAt(event);
            setHover(node === undefined ? undefined : { node, x: event.clientX, y: event.clientY });
          }}
          onPointerLeave={() => setHover(undefined)}
          onClick={(event) => {
            const node = nodeAt(event);
            if (node === undefined) return;
            onSelect(node);
            onZoom(node);
          }}
          onKeyDown={(event) => {
            const at = selected < 0 ? zoom : selected;
            const step = stepOf(event.key, upward);
            if (step !== undefined) {
              onSelect(selected < 0 ? zoom : stepFrom(tree, layout, { node: at, step }));
            } else if (event.key === "Home") onSelect(0);
            else if (event.key === "Enter") onZoom(at);
            else if (event.key === "Backspace") onZoom(Math.max(0, tree.parent[zoom]!));
            else if (event.key === "Escape") onZoom(0);
            else return;
            event.preventDefault();
          }}
        />
      </div>
      {hover !== undefined && <FlameTip tree={tree} unit={unit} zoom={zoom} {...hover} />}
    </div>
  );
}

function stepOf(key: string, upward: boolean): FlameStep | undefined {
  switch (key) {
    case "ArrowUp":
      return upward ? "child" : "parent";
    case "ArrowDown":
      return upward ? "parent" : "child";
    case "ArrowLeft":
      return "previous";
    case "ArrowRight":
      return "next";
    default:
      return undefined;
  }
}

/** Colours and font as the document has them now. */
function readLook() {
  const family = getComputedStyle(document.documentElement).getPropertyValue("--mono");
  const font = `${fontPx}px ${family}`;
  const context = document.createElement("canvas").getContext("2d");
  if (context !== null) context.font = font;
  const characterWidth = (context?.measureText("M".repeat(20)).width ?? 144) / 20;
  const ink = { label: "#15120c", fadedLabel: readColor("muted"), outline: readColor("text") };
  return { palette: makePalette(isDark()), font, characterWidth, ink };
}
