import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { MetricSeries, RuleLine } from "../../gen/stakeout/v1/query_service_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { isMetricName, metrics } from "../../model/metric.ts";
import { Name } from "../components/name.tsx";
import { useWidth } from "../components/use_width.ts";
import { formatValue, showInvisible } from "../format.ts";
import { paintVersion } from "../theme.ts";
import { formatLocalClock } from "../time.ts";
import { describeRequests, describeRule } from "../words.ts";
import { newestValue, toColumns } from "./chart_data.ts";
import type { ChartInput } from "./chart_input.ts";
import { chartOptions } from "./chart_options.ts";
import { TaskLane } from "./task_lane.tsx";

const height = 168;

/** One metric over time with the thresholds of its rules; under it the tasks on the same axis. */
export function MetricChart(props: {
  metric: string;
  uri: string;
  variant: string;
  data: MetricSeries;
  stepSeconds: number;
  fromUnixMs: number;
  toUnixMs: number;
  rules: readonly RuleLine[];
  tasks: readonly Task[];
}) {
  const { metric, uri, variant, data, stepSeconds, fromUnixMs, toUnixMs, rules, tasks } = props;
  const { ref, width } = useWidth<HTMLDivElement>();
  const place = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const columns = useMemo(() => toColumns(data, stepSeconds), [data, stepSeconds]);
  const input = useRef<ChartInput>({ metric, uri, variant, stepSeconds, rules, tasks, highest: 0 });
  input.current = {
    metric,
    uri,
    variant,
    stepSeconds,
    rules,
    tasks,
    highest: data.max.reduce((most, one) => Math.max(most, one), 0),
  };
  const version = paintVersion.value;

  useLayoutEffect(() => {
    if (place.current === null || width === 0) return;
    const onHover = (text: string) => {
      if (readout.current !== null) readout.current.textContent = text;
    };
    const made = new uPlot(
      chartOptions({ width, height, input: () => input.current, onHover }),
      columns,
      place.current,
    );
    plot.current = made;
    return () => {
      plot.current = undefined;
      made.destroy();
    };
  }, [width === 0, version]);

  useLayoutEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width]);

  useLayoutEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(columns, true);
      plot.current?.setScale("x", { min: fromUnixMs / 1000, max: toUnixMs / 1000 });
    });
  }, [columns, fromUnixMs, toUnixMs, version, width === 0]);

  const title = isMetricName(metric) ? metrics[metric].title : metric;
  const requests = describeRequests({ uri, variant });
  return (
    <section class="chart" aria-label={showInvisible(`${title} ${requests}`)}>
      <div class="chart-head">
        <h3>
          {title}
          {requests !== "" && (
            <span class="muted chart-requests">
              <Name text={requests} />
            </span>
          )}
        </h3>
        <span class="chart-now number">{newestValue(metric, data)}</span>
        <span class="chart-readout muted number" ref={readout} />
      </div>
      <div class="chart-place" ref={ref}>
        <div ref={place} role="img" aria-label={describeChart(metric, title, data, rules)} />
        {data.atUnixMs.length === 0 && (
          <p class="chart-empty muted">No value in this time. Empty seconds are not zero.</p>
        )}
      </div>
      <TaskLane tasks={tasks} fromUnixMs={fromUnixMs} toUnixMs={toUnixMs} series={{ metric, uri, variant }} />
    </section>
  );
}

function describeChart(
  metric: string,
  title: string,
  data: MetricSeries,
  rules: readonly RuleLine[],
): string {
  const rule = rules.map((one) => `${one.policy}: ${describeRule(one)}`).join("; ");
  const end = data.atUnixMs.at(-1);
  if (end === undefined) return `${title}: no value in this time. ${rule}`;
  const most = formatValue(metric, data.max.reduce((one, two) => Math.max(one, two), 0));
  return `${title}: ${newestValue(metric, data)} at ${
    formatLocalClock(Number(end))
  }, at most ${most}. ${rule}`;
}
