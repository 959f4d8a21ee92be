import { useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useWidth } from "../components/use_width.ts";
import { formatBytes, formatCount } from "../format.ts";
import { paintVersion, readColor } from "../theme.ts";
import { formatLocalClock } from "../time.ts";
import { formatTime } from "./measures.ts";
import type { ChartData } from "./traffic_columns.ts";

const height = 132;
const syncKey = "network";
/** A task is an hour at most. */
const tickSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];

/** A few lines of one unit over the range; the pointer's second is the same in all charts. */
export function TrafficChart({ chart, times }: { chart: ChartData; times: readonly number[] }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const place = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const newest = useRef(chart);
  newest.current = chart;
  const version = paintVersion.value;
  const shape = chart.lines.length;
  const data = () =>
    [[...times], ...chart.lines.map(({ values }) => [...values])] as unknown as uPlot.AlignedData;

  useLayoutEffect(() => {
    if (place.current === null || width === 0) return;
    const onHover = (text: string) => {
      if (readout.current !== null) readout.current.textContent = text;
    };
    const made = new uPlot(
      chartOptions({ width, chart: () => newest.current, onHover }),
      data(),
      place.current,
    );
    plot.current = made;
    return () => {
      plot.current = undefined;
      made.destroy();
    };
  }, [width === 0, version, shape]);

  useLayoutEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width]);

  useLayoutEffect(() => plot.current?.setData(data(), true), [chart, times]);

  return (
    <section class="chart" aria-label={chart.title}>
      <div class="chart-head">
        <h3>{chart.title}</h3>
        <span class="chart-keys">
          {chart.lines.map(({ title, color }) => (
            <span key={title}>
              <i class={`chart-key ${color}`} />
              {title}
            </span>
          ))}
        </span>
        <span class="chart-readout muted number" ref={readout} />
      </div>
      <div class="traffic-place" ref={ref}>
        <div ref={place} role="img" aria-label={describeChart(chart)} />
      </div>
    </section>
  );
}

function chartOptions({ width, chart, onHover }: {
  width: number;
  chart: () => ChartData;
  onHover: (text: string) => void;
}): uPlot.Options {
  const font = `11px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
  const axis = {
    stroke: readColor("muted"),
    font,
    grid: { stroke: readColor("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false }, sync: { key: syncKey } },
    scales: {
      x: { time: true, range: (_plot, first, last) => [first, Math.max(last, first + 1)] },
      y: { range: (_plot, _least, most) => [0, (most > 0 ? most : 1) * 1.12] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 90,
        incrs: [...tickSeconds],
        values: (_plot, ticks) => ticks.map((at) => formatLocalClock(at * 1000)),
      },
      {
        ...axis,
        size: 70,
        space: 30,
        values: (_plot, ticks) => ticks.map((tick) => formatUnit(tick, chart().unit)),
      },
    ],
    series: [
      {},
      ...chart().lines.map(({ color }, index) => ({
        stroke: readColor(color),
        width: 1.5,
        ...index === 0 ? { fill: readColor("series-wash") } : {},
        points: { show: true, size: 4, fill: readColor(color), filter: listLonePoints },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [(plot) => onHover(describePoint(plot, chart()))] },
  };
}

/** Values between two holes, which no line shows. */
function listLonePoints(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const isHole = (index: number) => values[index] === null || values[index] === undefined;
  return Array.from(values, (_, index) => index)
    .filter((index) => !isHole(index) && isHole(index - 1) && isHole(index + 1));
}

function describePoint(plot: uPlot, { lines, unit }: ChartData): string {
  const index = plot.cursor.idx;
  const at = index === null || index === undefined ? undefined : plot.data[0][index];
  if (index === null || index === undefined || at === undefined || (plot.cursor.left ?? -1) < 0) return "";
  const values = lines.map(({ title, values }) => {
    const value = values[index];
    return `${title} ${value === null || value === undefined ? "–" : formatUnit(value, unit)}`;
  });
  return `${formatLocalClock(at * 1000)}: ${values.join(", ")}`;
}

function describeChart({ title, lines, unit }: ChartData): string {
  const most = lines.map(({ title, values }) =>
    `${title} at most ${
      formatUnit(values.reduce<number>((high, value) => Math.max(high, value ?? 0), 0), unit)
    }`
  );
  return `${title}: ${most.join(", ")}`;
}

function formatUnit(value: number, unit: ChartData["unit"]): string {
  switch (unit) {
    case "time":
      return value === 0 ? "0" : formatTime(value);
    case "bytes":
      return formatBytes(value);
    case "rate":
    case "count":
      return formatCount(Number(value.toFixed(value >= 100 ? 0 : 1)));
  }
}
