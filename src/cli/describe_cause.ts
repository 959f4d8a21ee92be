import { formatMetricValue, isMetricName } from "../model/metric.ts";
import { describeSeries } from "../model/series.ts";
import type { TaskRecord } from "./task_record.ts";

/** Why a task started, in a few words: `process_cpu >= 80 % in 2 of 3 s`. */
export function describeCause({ cause }: TaskRecord): string {
  if (cause === null) return "by hand";
  return `${cause.metric} >= ${
    showValue(cause.metric, cause.threshold)
  } in ${cause.reached} of ${cause.periodSeconds} s` +
    describeSeries(cause);
}

function showValue(metric: string, value: number): string {
  return isMetricName(metric) ? formatMetricValue(metric, value) : String(value);
}
