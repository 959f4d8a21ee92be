import { useState } from "preact/hooks";
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

const firstCharts = 24;
/** As many series as the backend answers at once. */
const seriesPerQuery = 32;

/** One chart a series of a process and of its host, all over the same time; `paired` in two columns where there is room. */
export function ProcessCharts({ summary, series, rules, tasks, range, paired = false }: {
  summary: ProcessSummary;
  series: readonly Series[];
  rules: readonly RuleLine[];
  tasks: readonly Task[];
  range: TimeRange;
  paired?: boolean;
}) {
  const [all, setAll] = useState(false);
  const { agentId, endedAtUnixMs } = summary;
  const names = Object.keys(metrics);
  // Those of the whole process first, then those of rules on some of its requests.
  const sorted = [...series].sort((one, two) =>
    Number(isOfSome(one)) - Number(isOfSome(two)) ||
    names.indexOf(one.metric) - names.indexOf(two.metric) ||
    one.uri.localeCompare(two.uri) || one.variant.localeCompare(two.variant)
  );
  const shown = all ? sorted : sorted.slice(0, firstCharts);
  const key = shown.map(seriesKey).join("\n");
  const stepSeconds = Math.ceil(range.seconds / mostPoints);
  const query = useQuery(
    `${range.name}\n${endedAtUnixMs}\n${key}`,
    async (signal) => {
      // An ended process is shown up to its end, a living one up to now.
      const toUnixMs = endedAtUnixMs > 0n ? endedAtUnixMs : BigInt(nowUnixMs());
      const fromUnixMs = toUnixMs - BigInt(range.seconds * 1000);
      const parts = Array.from(
        { length: Math.ceil(shown.length / seriesPerQuery) },
        (_, part) => shown.slice(part * seriesPerQuery, (part + 1) * seriesPerQuery),
      );
      const answers = await Promise.all(
        parts.map((series) =>
          api.query.queryMetrics({ series, agentId, fromUnixMs, toUnixMs, maxPoints: mostPoints }, { signal })
        ),
      );
      return {
        series: answers.flatMap(({ series }) => series),
        stepSeconds: answers.reduce((most, { stepSeconds }) => Math.max(most, stepSeconds), 1),
      };
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
          <div class={paired ? "charts paired" : "charts"}>
            {answer.series.map((one) =>
              one.series !== undefined && (
                <MetricChart
                  key={seriesKey(one.series)}
                  metric={one.series.metric}
                  uri={one.series.uri}
                  variant={one.series.variant}
                  data={one}
                  stepSeconds={answer.stepSeconds}
                  fromUnixMs={endMs - range.seconds * 1000}
                  toUnixMs={endMs}
                  rules={rules.filter(({ metric, uri, variant }) =>
                    metric === one.series?.metric && uri === one.series.uri && variant === one.series.variant
                  )}
                  tasks={tasks}
                />
              )
            )}
          </div>
          {sorted.length > shown.length && (
            <p class="panel-foot">
              <button type="button" class="button small" onClick={() => setAll(true)}>
                Show {sorted.length - shown.length} more charts
              </button>
            </p>
          )}
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

function seriesKey({ processId, metric, uri, variant }: Series): string {
  return `${processId} ${metric} ${variant} ${uri}`;
}

/** Whether a series is of a rule's own: limited to URIs, other errors, or with requests in flight. */
function isOfSome({ uri, variant }: Series): boolean {
  return uri !== "" || variant.replace("client", "") !== "";
}
