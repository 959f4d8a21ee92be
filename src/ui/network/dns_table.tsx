import { useMemo, useState } from "preact/hooks";
import type { NetworkProfile } from "../../gen/stakeout/v1/network_pb.ts";
import { Name } from "../components/name.tsx";
import { formatCount } from "../format.ts";
import { listNames } from "./dns_rows.ts";
import { formatTime } from "./measures.ts";
import { latencyNs } from "./traffic_sum.ts";

const firstRows = 12;

/** Names that were asked of DNS: how often, with which outcome, how slow. */
export function DnsTable({ profile }: { profile: NetworkProfile }) {
  const [all, setAll] = useState(false);
  const rows = useMemo(() => listNames(profile), [profile]);
  const count = (value: number, isBad: boolean) => (
    <span class={value === 0 ? "muted" : isBad ? "bad" : ""}>{formatCount(value)}</span>
  );
  return (
    <>
      <div class="table-box">
        <table class="dns-table">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="fit medium">Type</th>
              <th scope="col" class="number">Answers</th>
              <th scope="col" class="number" title="The name does not exist">NXDOMAIN</th>
              <th scope="col" class="number medium">Other errors</th>
              <th scope="col" class="number" title="No answer within 5 s">Timeouts</th>
              <th scope="col" class="number medium">p50</th>
              <th scope="col" class="number medium">p95</th>
            </tr>
          </thead>
          <tbody>
            {(all ? rows : rows.slice(0, firstRows)).map(({ name, type, sum, timeouts }) => (
              <tr key={`${type} ${name}`}>
                <td class="names grow">
                  {name === "" ? <span class="muted">all other names</span> : <Name text={name} mono />}
                </td>
                <td class="fit medium">{type}</td>
                <td class="number">{count(sum.requests, false)}</td>
                <td class="number">{count(sum.errors4xx, true)}</td>
                <td class="number medium">{count(sum.errors5xx, true)}</td>
                <td class="number">{count(timeouts, true)}</td>
                <td class="number medium">{formatTime(latencyNs(sum, 0.5) ?? 0)}</td>
                <td class="number medium">{formatTime(latencyNs(sum, 0.95) ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > firstRows && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show ${formatCount(rows.length - firstRows)} more`}
          </button>
        </div>
      )}
    </>
  );
}
