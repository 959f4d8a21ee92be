import { readColor } from "../theme.ts";
import type { SecondRange } from "./second_range.ts";

/** Paints one bar a second, the chosen ones in full colour; seconds narrower than a pixel are joined by their highest. */
export function drawSeconds(canvas: HTMLCanvasElement, { seconds, width, height, shown }: {
  seconds: readonly number[];
  width: number;
  height: number;
  shown: SecondRange;
}): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.scale(ratio, ratio);
  const highest = seconds.reduce((most, weight) => Math.max(most, weight), 1);
  const inside = readColor("series");
  const outside = readColor("line-strong");
  const perBar = Math.max(1, Math.ceil(seconds.length / width));
  const step = (width / seconds.length) * perBar;
  for (let first = 0; first < seconds.length; first += perBar) {
    const weight = seconds.slice(first, first + perBar).reduce((most, one) => Math.max(most, one), 0);
    if (weight === 0) continue;
    const bar = Math.max(1.5, (weight / highest) * (height - 4));
    context.fillStyle = first >= shown.from && first < shown.to ? inside : outside;
    context.fillRect(
      (first / perBar) * step,
      height - bar,
      Math.max(0.75, step - Math.min(1, step * 0.2)),
      bar,
    );
  }
}
