import type { Series } from "../../gen/stakeout/v1/process_pb.ts";
import type { ProcessSummary, RuleLine } from "../../gen/stakeout/v1/query_service_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { Empty } from "../components/empty.tsx";
import { Segments } from "../components/segments.tsx";
import { useTitle } from "../components/use_title.ts";
import { formatCount } from "../format.ts";
import { RefusalsPanel } from "../overview/refusals_panel.tsx";
import { place, setQuery } from "../router.ts";
import { TaskTable } from "../tasks/task_table.tsx";
import { useQuery } from "../use_query.ts";
import { baseName } from "../words.ts";
import { HttpPanel, isHttpMetric } from "./http_panel.tsx";
import { ProcessCharts } from "./process_charts.tsx";
import { ProcessHead } from "./process_head.tsx";
import { readRange, type TimeRange, timeRanges } from "./time_range.ts";

const mostTasks = 12;

/** One process: what it is, its metrics against the rules, its tasks. */
export function ProcessPage({ id }: { id: string }) {
  const query = useQuery(id, (signal) => api.query.getProcess({ id }, { signal }), {
    topics: ["inventory", "policies", "tasks", "http"],
    atMostEveryMs: 2000,
  });
  const process = query.data?.summary?.process;
  useTitle(process === undefined ? "Process" : process.name || baseName(process.exe));
  const range = readRange(place.value.query);
  return (
    <Answer query={query} missing="This process is not known here, or ended longer ago than is kept">
      {({ summary, series, rules, tasks, refusals, http }) =>
        summary !== undefined && (
          <>
            <ProcessHead summary={summary} />
            <MetricsPanel
              {...{ summary, rules, tasks, range }}
              series={series.filter((one) => !isHttpMetric(one))}
            />
            <HttpPanel {...{ summary, series, rules, http, tasks, range }} />
            <Panel
              title="Tasks"
              count={tasks.length === 0 ? undefined : formatCount(tasks.length)}
              end={tasks.length > mostTasks ? <a href={`/tasks?process=${id}`}>All its tasks</a> : undefined}
            >
              {tasks.length > 0
                ? <TaskTable tasks={tasks.slice(0, mostTasks)} withProcess={false} />
                : (
                  <Empty title="It has never been profiled">
                    {summary.policies.length === 0
                      ? (
                        <>
                          <p>No policy matches this process, so nothing can trip.</p>
                          <a
                            class="button primary"
                            href={`/new-policy?service=${encodeURIComponent(summary.process?.service ?? "")}`}
                          >
                            Write a policy for it
                          </a>
                        </>
                      )
                      : <p>It has stayed under every threshold since it was first seen.</p>}
                  </Empty>
                )}
            </Panel>
            <RefusalsPanel refusals={refusals} />
          </>
        )}
    </Answer>
  );
}

/** What is no HTTP, and the choice of the time that all charts show; where only HTTP is watched, the choice alone. */
function MetricsPanel({ summary, series, rules, tasks, range }: {
  summary: ProcessSummary;
  series: readonly Series[];
  rules: readonly RuleLine[];
  tasks: readonly Task[];
  range: TimeRange;
}) {
  const onlyHttp = series.length === 0 && rules.some(isHttpMetric) && rules.every(isHttpMetric);
  return (
    <Panel
      title="Metrics"
      end={
        <Segments
          label="Time range"
          options={timeRanges.map(({ name, title }) => [name, title] as const)}
          value={range.name}
          onChoose={(name) => setQuery({ range: name === timeRanges[0]?.name ? "" : name })}
        />
      }
    >
      {onlyHttp
        ? (
          <p class="empty">
            Only its HTTP is watched, see below. A rule on another metric adds its chart here.
          </p>
        )
        : <ProcessCharts {...{ summary, series, rules, tasks, range }} />}
    </Panel>
  );
}
