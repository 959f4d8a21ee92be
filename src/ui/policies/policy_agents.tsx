import { useState } from "preact/hooks";
import type { PolicyAgentState } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Empty } from "../components/empty.tsx";
import { Icon } from "../components/icon.tsx";
import { Name } from "../components/name.tsx";
import { Panel } from "../components/panel.tsx";
import { formatCount, showInvisible } from "../format.ts";

const firstRows = 10;

/** Where the policy runs: whether each agent judges by its newest version, and what it refused. */
export function PolicyAgents({ agents }: { agents: readonly PolicyAgentState[] }) {
  const [all, setAll] = useState(false);
  const sorted = [...agents].sort((one, two) => trouble(two) - trouble(one));
  const shown = all ? sorted : sorted.slice(0, firstRows);
  const current = agents.filter(({ connected, upToDate }) => connected && upToDate).length;
  return (
    <Panel
      title="Agents"
      count={agents.length === 0 ? undefined : `${current} of ${agents.length} up to date`}
    >
      {agents.length === 0
        ? (
          <Empty title="No agent yet">
            <code class="command">stakeout agent --backend {location.origin}</code>
          </Empty>
        )
        : (
          <ul class="agents agents-short">
            {shown.map(({ agentId, host, connected, upToDate, refused, matchedProcesses }) => (
              <li key={agentId} class="agent">
                <div class="agent-head">
                  <span
                    class={`dot ${!connected ? "bad" : upToDate && refused.length === 0 ? "good" : "warn"}`}
                  />
                  <strong>
                    <Name text={host} />
                  </strong>
                  <span class="muted agent-seen">
                    {!connected ? "away" : upToDate ? "up to date" : "older version"},{" "}
                    {formatCount(matchedProcesses)} matched
                  </span>
                </div>
                {refused.map(({ path, reason }) => (
                  <p key={path} class="agent-problem">
                    <Icon name="warning" />
                    <span>
                      <code>{path}</code> is refused: {showInvisible(reason)}
                    </span>
                  </p>
                ))}
              </li>
            ))}
          </ul>
        )}
      {shown.length < agents.length && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(true)}>
            Show all {formatCount(agents.length)} agents
          </button>
        </div>
      )}
    </Panel>
  );
}

/** Agents that do not judge by all of the policy come first, then those that match most. */
function trouble({ connected, upToDate, refused, matchedProcesses }: PolicyAgentState): number {
  return (connected && upToDate ? 0 : 2e9) + (refused.length > 0 ? 1e9 : 0) + matchedProcesses;
}
