import type uPlot from "uplot";
import { type ChartInput, isOwnCause } from "./chart_input.ts";

/** Colours of the marks. */
export interface MarkColors {
  readonly trip: string;
  readonly tripWash: string;
  readonly text: string;
  readonly surface: string;
}

/** Behind the data: the windows that tripped a rule of this metric. */
export function drawWindows(plot: uPlot, input: ChartInput, colors: MarkColors): void {
  const { ctx: context, bbox } = plot;
  context.save();
  context.fillStyle = colors.tripWash;
  for (const { cause } of input.tasks) {
    if (cause === undefined || !isOwnCause(cause, input)) continue;
    const endSeconds = Number(cause.atUnixMs) / 1000;
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(endSeconds, "x", true));
    const left = Math.max(bbox.left, plot.valToPos(endSeconds - cause.periodSeconds, "x", true));
    if (right > left) context.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
  }
  context.restore();
}

/** Over the data: slots at or over the lowest threshold in amber, and each rule's line with its policy. */
export function drawMarks(plot: uPlot, input: ChartInput, colors: MarkColors): void {
  if (input.rules.length === 0) return;
  const { ctx: context, bbox } = plot;
  const ratio = devicePixelRatio;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  drawTripping(plot, input, colors.trip);
  const drawn: number[] = [];
  const rules = [...input.rules].sort((one, two) => one.threshold - two.threshold);
  context.font = `${11 * ratio}px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
  context.textBaseline = "bottom";
  context.textAlign = "left";
  for (const rule of rules) {
    const y = plot.valToPos(rule.threshold, "y", true);
    if (y < bbox.top) continue;
    context.strokeStyle = colors.text;
    context.lineWidth = ratio;
    context.setLineDash([4 * ratio, 3 * ratio]);
    context.globalAlpha = 0.75;
    context.beginPath();
    context.moveTo(bbox.left, Math.round(y) + 0.5);
    context.lineTo(bbox.left + bbox.width, Math.round(y) + 0.5);
    context.stroke();
    context.globalAlpha = 1;
    if (drawn.some((other) => Math.abs(other - y) < 15 * ratio)) continue;
    drawn.push(y);
    label(context, colors, {
      text: labelOf(rule),
      left: bbox.left + 6 * ratio,
      y: labelY(y, bbox.top, ratio),
      ratio,
    });
  }
  context.restore();
}

function labelY(lineY: number, top: number, ratio: number): number {
  return lineY - top < 17 * ratio ? lineY + 16 * ratio : lineY - 3 * ratio;
}

function labelOf(rule: { policy: string; count: number; periodSeconds: number }): string {
  return `${rule.policy}: ${rule.count} of ${rule.periodSeconds} s`;
}

function label(
  context: CanvasRenderingContext2D,
  colors: MarkColors,
  { text, left, y, ratio }: { text: string; left: number; y: number; ratio: number },
): void {
  const width = context.measureText(text).width;
  context.fillStyle = colors.surface;
  context.globalAlpha = 0.82;
  context.fillRect(left - 3 * ratio, y - 13 * ratio, width + 6 * ratio, 13 * ratio);
  context.globalAlpha = 1;
  context.fillStyle = colors.text;
  context.fillText(text, left, y);
}

function drawTripping(plot: uPlot, input: ChartInput, color: string): void {
  const { ctx: context } = plot;
  const lowest = Math.min(...input.rules.map(({ threshold }) => threshold));
  const [times, , highest] = plot.data as [number[], unknown, (number | null)[]];
  const step = plot.valToPos(input.stepSeconds, "x", true) - plot.valToPos(0, "x", true);
  const base = plot.valToPos(0, "y", true);
  const width = step > 8 ? step * 0.82 : step + 0.5;
  context.fillStyle = color;
  for (const [index, at] of times.entries()) {
    const value = highest[index];
    if (value === null || value === undefined || value < lowest) continue;
    const x = plot.valToPos(at, "x", true);
    const top = plot.valToPos(value, "y", true);
    context.globalAlpha = 0.32;
    context.fillRect(x - width / 2, top, width, base - top);
    context.globalAlpha = 1;
    context.fillRect(x - width / 2, top - 1, width, Math.max(2, 2 * devicePixelRatio));
  }
}
