import { useState } from "preact/hooks";
import type { PolicyProcess } from "../../gen/stakeout/v1/policy_service_pb.ts";
import { Empty } from "../components/empty.tsx";
import { Name } from "../components/name.tsx";
import { Panel } from "../components/panel.tsx";
import { Ago } from "../components/time.tsx";
import { formatCount } from "../format.ts";
import { baseName } from "../words.ts";
import { ValueMeter } from "./value_meter.tsx";

const firstRows = 20;

/** Processes that the policy matches now, each with its current values against the thresholds. */
export function PolicyMatches({ processes, total, paused }: {
  processes: readonly PolicyProcess[];
  total: number;
  paused: boolean;
}) {
  const [most, setMost] = useState(firstRows);
  return (
    <Panel title="Matches now" count={formatCount(total)}>
      {processes.length === 0
        ? (
          <Empty title={paused ? "Paused: nothing is judged" : "No process matches now"}>
            <p>
              {paused
                ? "Resume the policy to watch again."
                : "A process that starts later is covered from its first full second. Check the target's globs against the list of processes."}
            </p>
            {!paused && <a class="button" href="/processes">See all processes</a>}
          </Empty>
        )
        : (
          <div class="table-box">
            <table>
              <thead>
                <tr>
                  <th scope="col">Process</th>
                  <th scope="col">Now, against the threshold</th>
                  <th scope="col" class="number">Trips</th>
                  <th scope="col" class="medium">Last trip</th>
                </tr>
              </thead>
              <tbody>
                {processes.slice(0, most).map((row) => <Row key={row.process?.id} row={row} />)}
              </tbody>
            </table>
          </div>
        )}
      {(processes.length > most || total > processes.length) && (
        <div class="panel-foot">
          {processes.length > most
            ? (
              <button type="button" class="button small" onClick={() => setMost(processes.length)}>
                Show {formatCount(processes.length - most)} more
              </button>
            )
            : `The first ${formatCount(processes.length)} of ${formatCount(total)} processes.`}
        </div>
      )}
    </Panel>
  );
}

function Row({ row: { process, host, values, trips, lastTripUnixMs } }: { row: PolicyProcess }) {
  if (process === undefined) return null;
  return (
    <tr>
      <td class="names grow">
        <a href={`/processes/${process.id}`}>
          <Name text={process.service || process.name} />
        </a>
        <span class="sub">
          <Name text={`${baseName(process.exe) || process.name} ${process.pid} on ${host}`} />
        </span>
      </td>
      <td>
        {values.length === 0 ? <span class="muted">no value yet</span> : (
          <div class="values">
            {values.map((value) => (
              <ValueMeter
                key={`${value.metric} ${value.uri} ${value.variant} ${value.threshold}`}
                value={value}
              />
            ))}
          </div>
        )}
      </td>
      <td class="number">{trips === 0 ? <span class="muted">0</span> : formatCount(trips)}</td>
      <td class="fit medium">
        <Ago unixMs={lastTripUnixMs} />
      </td>
    </tr>
  );
}
