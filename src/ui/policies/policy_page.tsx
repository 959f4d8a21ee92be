import { api } from "../api.ts";
import { Answer } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { RefusalsPanel } from "../overview/refusals_panel.tsx";
import { useTitle } from "../components/use_title.ts";
import { useQuery } from "../use_query.ts";
import { PolicyAgents } from "./policy_agents.tsx";
import { PolicyHead } from "./policy_head.tsx";
import { PolicyMatches } from "./policy_matches.tsx";
import { PolicyTasks } from "./policy_tasks.tsx";
import { PolicyVersions } from "./policy_versions.tsx";
import { YamlText } from "./yaml_text.tsx";

/** One policy: what it says, what it matches now, where it runs, what came of it. */
export function PolicyPage({ name }: { name: string }) {
  useTitle(name);
  const query = useQuery(name, (signal) => api.policies.getPolicy({ name }, { signal }), {
    topics: ["policies", "metrics", "inventory", "agents", "tasks"],
    atMostEveryMs: 1500,
  });
  return (
    <Answer query={query} missing={`There is no policy named ${name}`}>
      {({ summary, versions, agents, processes, processesTotal, recentRefusals }) =>
        summary?.policy !== undefined && (
          <>
            <PolicyHead summary={summary} wasRefused={recentRefusals.length > 0} />
            <div class="columns">
              <div class="stack">
                <PolicyMatches processes={processes} total={processesTotal} paused={summary.paused} />
                <PolicyTasks name={name} />
                <RefusalsPanel refusals={recentRefusals} withPolicy={false} />
              </div>
              <div class="stack">
                <PolicyAgents agents={agents} />
                <Panel title="YAML" count={`version ${summary.policy.version}`}>
                  <YamlText text={summary.policy.source} />
                </Panel>
                <PolicyVersions current={summary.policy} versions={versions} />
              </div>
            </div>
          </>
        )}
    </Answer>
  );
}
