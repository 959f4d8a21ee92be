import type { MetricSeries } from "../../gen/stakeout/v1/query_service_pb.ts";
import { formatValue } from "../format.ts";

/** Columns as uPlot takes them: seconds, then lowest, highest and mean; null where nothing was observed. */
export type ChartColumns = [number[], (number | null)[], (number | null)[], (number | null)[]];

/** Points of a series with a hole wherever a slot is absent, so that a line never runs over a gap. */
export function toColumns(series: MetricSeries, stepSeconds: number): ChartColumns {
  const columns: ChartColumns = [[], [], [], []];
  let expected = 0;
  for (const [index, at] of series.atUnixMs.entries()) {
    const seconds = Number(at) / 1000;
    if (index > 0 && seconds > expected + stepSeconds / 2) push(columns, expected, null, null, null);
    push(columns, seconds, series.min[index] ?? null, series.max[index] ?? null, series.mean[index] ?? null);
    expected = seconds + stepSeconds;
  }
  return columns;
}

function push(columns: ChartColumns, at: number, ...values: (number | null)[]): void {
  columns[0].push(at);
  columns[1].push(values[0] ?? null);
  columns[2].push(values[1] ?? null);
  columns[3].push(values[2] ?? null);
}

/** Top of the value axis: room for the data, for the lowest threshold, and for the others unless they are far above. */
export function topOfScale(highest: number, thresholds: readonly number[]): number {
  const needed = thresholds.length === 0 ? highest : Math.max(highest, Math.min(...thresholds));
  const top = Math.max(needed, ...thresholds.filter((threshold) => threshold <= needed * 3));
  return (top > 0 ? top : 1) * 1.12;
}

/** The newest value in words, or that there is none. */
export function newestValue(metric: string, series: MetricSeries): string {
  const value = series.mean.at(-1);
  return value === undefined ? "no value" : formatValue(metric, value);
}
