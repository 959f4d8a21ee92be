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
import { readRange, timeRanges } from "./time_range.ts";

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
              <ProcessCharts
                {...{ summary, rules, tasks, range }}
                series={series.filter((one) => !isHttpMetric(one))}
              />
            </Panel>
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
