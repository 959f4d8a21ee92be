import { useState } from "preact/hooks";
import type { ServiceSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Empty } from "../components/empty.tsx";
import { Name } from "../components/name.tsx";
import { Panel } from "../components/panel.tsx";
import { formatCount, formatPercent } from "../format.ts";

const firstRows = 12;

/** Services that the agents found by themselves, busiest first. */
export function ServicesPanel({ services }: { services: readonly ServiceSummary[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? services : services.slice(0, firstRows);
  return (
    <Panel title="Services" count={services.length === 0 ? undefined : formatCount(services.length)}>
      {services.length === 0
        ? (
          <Empty title="No services known yet">
            <p>Agents name services from OTEL_SERVICE_NAME, containers, systemd units or the executable.</p>
          </Empty>
        )
        : (
          <div class="table-box">
            <table>
              <thead>
                <tr>
                  <th scope="col">Service</th>
                  <th scope="col" class="number">Processes</th>
                  <th scope="col" class="number">CPU</th>
                  <th scope="col" class="number">Tasks</th>
                </tr>
              </thead>
              <tbody>
                {shown.map(({ service, instances, processes, cpuPercent, tasks }) => (
                  <tr key={service}>
                    <td class="names">
                      <a href={`/processes?service=${encodeURIComponent(service)}`}>
                        <Name text={service} empty="(none)" />
                      </a>
                    </td>
                    <td class="number" title={`${formatCount(instances)} instances`}>
                      {formatCount(processes)}
                    </td>
                    <td class="number">{formatPercent(cpuPercent)}</td>
                    <td class="number">
                      {tasks === 0
                        ? <span class="muted">0</span>
                        : <a href={`/tasks?service=${encodeURIComponent(service)}`}>{formatCount(tasks)}</a>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      {shown.length < services.length && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(true)}>
            Show all {formatCount(services.length)} services
          </button>
        </div>
      )}
    </Panel>
  );
}
