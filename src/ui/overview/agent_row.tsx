import type { AgentStatus } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { AgentSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { roverVersion } from "../../model/skywalking.ts";
import { Icon } from "../components/icon.tsx";
import { Name } from "../components/name.tsx";
import { Ago } from "../components/time.tsx";
import { formatBytes, formatCount, formatPercent, showInvisible } from "../format.ts";

/** One host: is its agent there, what does it cost, what does it lack. */
export function AgentRow(
  { summary: { agent, connected, lastSeenUnixMs, status } }: { summary: AgentSummary },
) {
  const isOurs = agent?.version !== roverVersion;
  const problems = status?.problems ?? [];
  const tone = !connected ? "bad" : problems.length > 0 ? "warn" : "good";
  return (
    <li class="agent">
      <div class="agent-head">
        <span class={`dot ${tone}`} />
        <strong>
          <Name text={agent?.host ?? ""} />
        </strong>
        <span class="muted agent-seen">
          {connected ? "connected" : (
            <>
              away, last seen <Ago unixMs={lastSeenUnixMs} />
            </>
          )}
        </span>
      </div>
      {status !== undefined && (
        <dl class="agent-facts number">
          {isOurs && <OwnCost status={status} />}
          <Fact
            title="Watched"
            value={`${formatCount(status.watchedProcesses)} of ${formatCount(status.processes)}`}
            hint="Processes that some policy matches, of all user processes"
          />
          {(isOurs || status.hostLoad > 0) && (
            <Fact title="Load" value={status.hostLoad.toFixed(2)} hint="1-minute load average of the host" />
          )}
          {isOurs && (
            <Fact
              title="Queue"
              value={formatBytes(status.queueBytes)}
              hint="Reports on disk not yet acknowledged"
            />
          )}
        </dl>
      )}
      {status !== undefined && <Dropped status={status} />}
      {problems.map((problem) => (
        <p key={problem} class="agent-problem">
          <Icon name="warning" />
          <span>{showInvisible(problem)}</span>
        </p>
      ))}
      <p class="muted agent-version">
        {isOurs
          ? (
            <>
              stakeout {agent?.version || "?"} · <Name text={`Linux ${agent?.kernel ?? "?"}`} /> ·{" "}
              {agent?.cpus ?? 0} CPUs
            </>
          )
          : roverVersion}
      </p>
    </li>
  );
}

/** What only our own agents tell of themselves. */
function OwnCost({ status }: { status: AgentStatus }) {
  return (
    <>
      <Fact
        title="Own CPU"
        value={formatPercent(status.cpuPercent)}
        hint="% of one core over the last 10 s"
      />
      <Fact title="Memory" value={formatBytes(status.rssBytes)} />
      <Fact
        title="BPF"
        value={status.bpfPercent === 0 ? "not measured" : formatPercent(status.bpfPercent)}
        hint="Run time of its BPF programs, % of one core; measured while kernel.bpf_stats_enabled is on"
      />
    </>
  );
}

function Fact({ title, value, hint }: { title: string; value: string; hint?: string }) {
  return (
    <div title={hint}>
      <dt>{title}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** What a full queue cost, by kind; nothing when nothing was. */
function Dropped({ status }: { status: AgentStatus }) {
  const dropped = ([
    [status.droppedMetrics, "metrics"],
    [status.droppedRefusals, "refusals"],
    [status.droppedProfiles, "profile chunks"],
    [status.droppedTasks, "tasks"],
  ] as const).filter(([count]) => count > 0n);
  if (dropped.length === 0) return null;
  return (
    <p class="agent-problem">
      <Icon name="warning" />
      <span>
        Dropped from a full queue:{" "}
        {dropped.map(([count, what]) => `${formatCount(count)} ${what}`).join(", ")}
      </span>
    </p>
  );
}
