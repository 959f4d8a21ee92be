import type uPlot from "uplot";
import { formatValue } from "../format.ts";
import { readColor } from "../theme.ts";
import { formatLocalClock, formatLocalTime } from "../time.ts";
import { topOfScale } from "./chart_data.ts";
import type { ChartInput } from "./chart_input.ts";
import { drawMarks, drawWindows } from "./chart_marks.ts";

/** Settings of one chart in the colours the document has now. */
export function chartOptions({ width, height, input, onHover }: {
  width: number;
  height: number;
  input: () => ChartInput;
  /** Words for the point under the pointer, `""` when there is none. */
  onHover: (text: string) => void;
}): uPlot.Options {
  const colors = {
    series: readColor("series"),
    wash: readColor("series-wash"),
    trip: readColor("trip-fill"),
    tripWash: readColor("trip-wash"),
    text: readColor("text"),
    surface: readColor("surface"),
    muted: readColor("muted"),
    line: readColor("line"),
  };
  const font = `11px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
  const axis = {
    stroke: colors.muted,
    font,
    grid: { stroke: colors.line, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    padding: [8, 22, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, auto: false },
      y: { range: () => [0, topOfScale(input().highest, input().rules.map(({ threshold }) => threshold))] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 90,
        values: (_plot, ticks) => ticks.map((tick) => formatTick(tick, ticks)),
      },
      {
        ...axis,
        size: 66,
        space: 34,
        values: (_plot, ticks) => ticks.map((tick) => formatValue(input().metric, tick)),
      },
    ],
    series: [
      {},
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      {
        stroke: colors.series,
        width: 1.5,
        fill: colors.wash,
        points: { show: false },
        spanGaps: false,
      },
    ],
    bands: [{ series: [2, 1], fill: colors.wash }],
    hooks: {
      drawAxes: [(plot) => drawWindows(plot, input(), colors)],
      draw: [(plot) => drawMarks(plot, input(), colors)],
      setCursor: [(plot) => onHover(describePoint(plot, input()))],
    },
  };
}

function formatTick(tick: number, ticks: readonly number[]): string {
  const clock = formatLocalClock(tick * 1000);
  const step = (ticks[1] ?? tick) - (ticks[0] ?? tick);
  return step >= 60 || step === 0 ? clock.slice(0, 5) : clock;
}

function describePoint(plot: uPlot, { metric, stepSeconds }: ChartInput): string {
  const index = plot.cursor.idx;
  const at = index === null || index === undefined ? undefined : plot.data[0][index];
  if (index === null || index === undefined || at === undefined || (plot.cursor.left ?? -1) < 0) return "";
  const time = formatLocalTime(at * 1000);
  const [low, high, mean] = [1, 2, 3].map((series) => plot.data[series]?.[index]);
  if (mean === null || mean === undefined) return `${time}: no value`;
  const text = formatValue(metric, mean);
  if (stepSeconds <= 1 || low === high) return `${time}: ${text}`;
  return `${time}: ${text}, ${formatValue(metric, low ?? mean)} to ${formatValue(metric, high ?? mean)}`;
}
