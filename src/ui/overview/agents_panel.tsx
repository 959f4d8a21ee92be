import { useState } from "preact/hooks";
import type { AgentSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Empty } from "../components/empty.tsx";
import { Panel } from "../components/panel.tsx";
import { AgentRow } from "./agent_row.tsx";

const firstRows = 8;

/** Hosts and their agents: health, own cost, problems. Agents in trouble come first. */
export function AgentsPanel({ agents }: { agents: readonly AgentSummary[] }) {
  const [all, setAll] = useState(false);
  if (agents.length === 0) {
    return (
      <Panel title="Hosts">
        <Empty title="No agent has reported yet">
          <p>Run this as root on each host you want watched; it appears here within seconds.</p>
          <code class="command">stakeout agent --backend {location.origin}</code>
          <p>
            <code>stakeout doctor</code> tells what a host can do and what it lacks.
          </p>
        </Empty>
      </Panel>
    );
  }
  const sorted = [...agents].sort((one, two) => trouble(two) - trouble(one));
  const shown = all ? sorted : sorted.slice(0, firstRows);
  return (
    <Panel title="Hosts" count={String(agents.length)}>
      <ul class="agents">
        {shown.map((agent) => <AgentRow key={agent.agent?.agentId} summary={agent} />)}
      </ul>
      {shown.length < agents.length && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(true)}>
            Show all {agents.length} hosts
          </button>
        </div>
      )}
    </Panel>
  );
}

function trouble({ connected, status }: AgentSummary): number {
  return (connected ? 0 : 2) + ((status?.problems.length ?? 0) > 0 ? 1 : 0);
}
