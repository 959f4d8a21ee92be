import type { Series } from "../../gen/stakeout/v1/process_pb.ts";
import type { HttpSummary, ProcessSummary, RuleLine } from "../../gen/stakeout/v1/query_service_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { isMetricName, type MetricName, metrics } from "../../model/metric.ts";
import { Empty } from "../components/empty.tsx";
import { Panel } from "../components/panel.tsx";
import { HttpPaths } from "./http_paths.tsx";
import { HttpSide } from "./http_side.tsx";
import { ProcessCharts } from "./process_charts.tsx";
import type { TimeRange } from "./time_range.ts";

/** Whether a metric is one of HTTP. */
export function isHttpMetric({ metric }: { readonly metric: string }): boolean {
  return isMetricName(metric) && metrics[metric].http;
}

/** HTTP of a process, what it serves and what it sends apart; how to get it where there is none. */
export function HttpPanel({ summary, series, rules, http, tasks, range }: {
  summary: ProcessSummary;
  series: readonly Series[];
  rules: readonly RuleLine[];
  http: readonly HttpSummary[];
  tasks: readonly Task[];
  range: TimeRange;
}) {
  const httpSeries = series.filter(isHttpMetric);
  const httpRules = rules.filter(isHttpMetric);
  const service = encodeURIComponent(summary.process?.service ?? "");
  const href = (metric: MetricName, path = "", client = false) =>
    `/new-policy?service=${service}&metric=${metric}&path=${encodeURIComponent(path)}${
      client ? "&role=client" : ""
    }`;
  const sides = [false, true].map((client) => ({
    client,
    series: httpSeries.filter((one) => isClient(one) === client),
    http: http.find((one) => one.http?.client === client),
  })).filter((side) => side.series.length > 0 || side.http !== undefined);
  if (sides.length === 0) {
    if (summary.endedAtUnixMs > 0n) return null;
    return (
      <Panel title="HTTP">
        {httpRules.length === 0
          ? (
            <Empty title="Its HTTP is not watched">
              <p>
                Requests, errors, response times and paths of a process are counted in the kernel, without a
                change to it, while a rule on an HTTP metric matches it. To see them here, add such a rule.
              </p>
              <a class="button" href={href("http_error_rate")}>Add an HTTP rule</a>
            </Empty>
          )
          : (
            <Empty title="No request seen yet">
              <p>
                {[...new Set(httpRules.map(({ policy }) => policy))].map((policy, index) => (
                  <span key={policy}>
                    {index > 0 && ", "}
                    <a href={`/policies/${policy}`}>{policy}</a>
                  </span>
                ))}{" "}
                watches its HTTP; the first request shows within seconds. If it should have some by now, the
                policy's page tells what the agent could not do.
              </p>
            </Empty>
          )}
      </Panel>
    );
  }
  return (
    <>
      {sides.map((side) => (
        <Panel
          key={side.client}
          title={side.client ? "HTTP it sends" : "HTTP it serves"}
          end={httpRules.length === 0
            ? <span class="muted">No HTTP rule watches it now; this is what was recorded.</span>
            : undefined}
        >
          {side.http !== undefined && <HttpSide summary={side.http} />}
          <HttpPaths
            paths={side.http?.http?.paths ?? []}
            seconds={side.http?.seconds ?? 1}
            policyHref={(path) => href("http_avg_response_time", path, side.client)}
          />
          {side.series.length > 0 && (
            <ProcessCharts
              {...{ summary, rules, tasks, range }}
              series={side.series}
              paired
            />
          )}
        </Panel>
      ))}
    </>
  );
}

function isClient({ variant }: Series): boolean {
  return variant.split(" ").includes("client");
}
