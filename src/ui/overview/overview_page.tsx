import type { GetOverviewResponse } from "../../gen/stakeout/v1/query_service_pb.ts";
import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { useTitle } from "../components/use_title.ts";
import { formatCount } from "../format.ts";
import { useQuery } from "../use_query.ts";
import { AgentsPanel } from "./agents_panel.tsx";
import { BusiestPanel } from "./busiest_panel.tsx";
import { RecentTasksPanel } from "./recent_tasks_panel.tsx";
import { RefusalsPanel } from "./refusals_panel.tsx";
import { RetentionLine } from "./retention_line.tsx";
import { ServicesPanel } from "./services_panel.tsx";

/** The first screen: is everything watched, what happened, what is busy. */
export function OverviewPage() {
  useTitle("Overview");
  const query = useQuery("overview", (signal) => api.query.getOverview({}, { signal }), {
    topics: ["agents", "inventory", "policies", "tasks"],
    atMostEveryMs: 2000,
  });
  return (
    <Answer query={query}>
      {(overview) => (
        <>
          <div class="page-head">
            <div>
              <h1>{summarize(overview)}</h1>
              <RetentionLine retention={overview.retention} />
            </div>
            <a class="button primary" href="/new-policy">New policy</a>
          </div>
          <div class="columns">
            <div class="stack">
              <RecentTasksPanel tasks={overview.recentTasks} policies={overview.policies} />
              <BusiestPanel processes={overview.busiest} />
              <RefusalsPanel refusals={overview.recentRefusals} />
            </div>
            <div class="stack">
              <AgentsPanel agents={overview.agents} />
              <ServicesPanel services={overview.services} />
            </div>
          </div>
        </>
      )}
    </Answer>
  );
}

/** The state of everything in a sentence or two. */
function summarize({ agents, policies, runningTasks }: GetOverviewResponse): string {
  if (agents.length === 0) return "Waiting for the first agent";
  const watched = agents.reduce((sum, { status }) => sum + (status?.watchedProcesses ?? 0), 0);
  const hosts = plural(agents.length, "host");
  const away = agents.filter(({ connected }) => !connected).length;
  const first = policies === 0
    ? `${hosts} ready, nothing watched yet`
    : `Watching ${plural(watched, "process", "processes")} on ${hosts} with ${
      plural(policies, "policy", "policies")
    }`;
  const running = runningTasks === 0
    ? ""
    : runningTasks === 1
    ? ". One task is profiling now"
    : `. ${formatCount(runningTasks)} tasks are profiling now`;
  return `${first}${running}${away === 0 ? "" : `. ${plural(away, "agent")} away`}`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
