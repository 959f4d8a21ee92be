import type { ProcessSummary, RuleLine } from "../../gen/stakeout/v1/query_service_pb.ts";
import type { Series } from "../../gen/stakeout/v1/process_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { metrics } from "../../model/metric.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { useNow } from "../components/time.tsx";
import { Empty } from "../components/empty.tsx";
import { formatSpan } from "../format.ts";
import { useQuery } from "../use_query.ts";
import { nowUnixMs } from "../time.ts";
import { MetricChart } from "./metric_chart.tsx";
import type { TimeRange } from "./time_range.ts";

const mostPoints = 1500;

/** One chart a metric of a process and of its host, all over the same time. */
export function ProcessCharts({ summary, series, rules, tasks, range }: {
  summary: ProcessSummary;
  series: readonly Series[];
  rules: readonly RuleLine[];
  tasks: readonly Task[];
  range: TimeRange;
}) {
  const { agentId, endedAtUnixMs } = summary;
  const names = Object.keys(metrics);
  const shown = [...series].sort((one, two) =>
    names.indexOf(one.metric) - names.indexOf(two.metric) || one.uri.localeCompare(two.uri)
  );
  const key = shown.map(({ processId, metric, uri }) => `${processId} ${metric} ${uri}`).join("\n");
  const stepSeconds = Math.ceil(range.seconds / mostPoints);
  const query = useQuery(
    `${range.name}\n${endedAtUnixMs}\n${key}`,
    async (signal) => {
      // An ended process is shown up to its end, a living one up to now.
      const toUnixMs = endedAtUnixMs > 0n ? endedAtUnixMs : BigInt(nowUnixMs());
      const fromUnixMs = toUnixMs - BigInt(range.seconds * 1000);
      if (shown.length === 0) return { series: [], stepSeconds: 1 };
      return await api.query.queryMetrics(
        { series: shown, agentId, fromUnixMs, toUnixMs, maxPoints: mostPoints },
        { signal },
      );
    },
    { topics: ["metrics"], atMostEveryMs: Math.max(1000, stepSeconds * 1000) },
  );
  // The axis moves on with the clock, so that seconds without news show as a gap.
  const nowMs = useNow(1000);
  const endMs = endedAtUnixMs > 0n ? Number(endedAtUnixMs) : nowMs;
  if (shown.length === 0) {
    return (
      <Empty title="No metrics recorded yet">
        <p>
          {summary.policies.length === 0
            ? "Seconds are recorded for processes that some policy matches; none matches this one."
            : "The first seconds arrive within moments."}
        </p>
        {summary.policies.length === 0 && (
          <a
            class="button primary"
            href={`/new-policy?service=${encodeURIComponent(summary.process?.service ?? "")}`}
          >
            Write a policy for it
          </a>
        )}
      </Empty>
    );
  }
  return (
    <Answer query={query}>
      {(answer) => (
        <>
          {answer.series.map((one) => (
            <MetricChart
              key={`${one.series?.metric} ${one.series?.uri}`}
              metric={one.series?.metric ?? ""}
              uri={one.series?.uri ?? ""}
              data={one}
              stepSeconds={answer.stepSeconds}
              fromUnixMs={endMs - range.seconds * 1000}
              toUnixMs={endMs}
              rules={rules.filter(({ metric, uri }) =>
                metric === one.series?.metric && uri === one.series.uri
              )}
              tasks={tasks}
            />
          ))}
          {answer.stepSeconds > 1 && (
            <p class="panel-foot">
              Each point is {formatSpan(answer.stepSeconds)}: mean, with lowest to highest shaded.
            </p>
          )}
        </>
      )}
    </Answer>
  );
}
