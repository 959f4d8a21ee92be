import type { ProcessSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Name } from "../components/name.tsx";
import { SortHeader } from "../components/sort_header.tsx";
import { CpuMeter } from "./cpu_meter.tsx";
import { Ago } from "../components/time.tsx";
import { formatCount } from "../format.ts";
import { baseName } from "../words.ts";

/** What the backend can order processes by. */
export type ProcessOrder = "cpu" | "service" | "name" | "pid" | "threads";

/** Processes as rows; with `onSort` its columns can be ordered by. */
export function ProcessTable({ processes, order, onSort }: {
  processes: readonly ProcessSummary[];
  order?: ProcessOrder;
  onSort?: (order: ProcessOrder) => void;
}) {
  const head = (title: string, by: ProcessOrder, className = "") =>
    onSort === undefined ? <th scope="col" class={className}>{title}</th> : (
      <SortHeader
        title={title}
        class={className}
        active={order === by}
        descending={by === "cpu" || by === "threads"}
        onSort={() => onSort(by)}
      />
    );
  const highest = processes.reduce((most, { cpuPercent }) => Math.max(most, cpuPercent), 100);
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            {head("Process", "name")}
            {head("Service", "service", "medium")}
            <th scope="col" class="wide">Host</th>
            {head("PID", "pid", "number medium")}
            {head("CPU", "cpu")}
            {head("Threads", "threads", "number medium")}
            <th scope="col" class="wide">Policies</th>
          </tr>
        </thead>
        <tbody>
          {processes.map((summary) => <Row key={summary.process?.id} summary={summary} highest={highest} />)}
        </tbody>
      </table>
    </div>
  );
}

function Row({ summary, highest }: { summary: ProcessSummary; highest: number }) {
  const { process, host, cpuPercent, threads, policies, endedAtUnixMs } = summary;
  if (process === undefined) return null;
  return (
    <tr>
      <td class="names grow">
        <a href={`/processes/${process.id}`}>
          <Name text={process.name || baseName(process.exe)} />
        </a>
        <span class="sub mono">
          <Name text={process.exe} />
        </span>
      </td>
      <td class="names medium">
        <Name text={process.service} />
        {process.instance !== host && (
          <span class="sub">
            <Name text={process.instance} />
          </span>
        )}
      </td>
      <td class="names wide">
        <Name text={host} />
      </td>
      <td class="number medium">{process.pid}</td>
      <td class="fit">
        {endedAtUnixMs > 0n
          ? (
            <span class="muted">
              ended <Ago unixMs={endedAtUnixMs} />
            </span>
          )
          : <CpuMeter percent={cpuPercent} highest={highest} />}
      </td>
      <td class="number medium">{threads === 0 ? <span class="muted">–</span> : formatCount(threads)}</td>
      <td class="names wide">
        {policies.length === 0
          ? <span class="muted">none</span>
          : policies.slice(0, 2).map((policy, index, shown) => (
            <span key={policy} class="comma-list">
              <a href={`/policies/${policy}`}>
                <Name text={policy} />
              </a>
              {index < shown.length - 1 && ", "}
            </span>
          ))}
        {policies.length > 2 && <span class="sub">and {policies.length - 2} more</span>}
      </td>
    </tr>
  );
}
