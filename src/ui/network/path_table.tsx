import { useMemo, useState } from "preact/hooks";
import type { NetworkProfile } from "../../gen/stakeout/v1/network_pb.ts";
import { Name } from "../components/name.tsx";
import { SortHeader } from "../components/sort_header.tsx";
import { formatCount } from "../format.ts";
import { formatRate } from "../processes/http_words.ts";
import { formatTime } from "./measures.ts";
import { listPaths, type PathOrder, type PathRow, pathValues } from "./path_rows.ts";

const firstRows = 12;
const columns: readonly (readonly [PathOrder, string, string])[] = [
  ["requests", "Requests", "number"],
  ["errors4xx", "4xx", "number"],
  ["errors5xx", "5xx", "number"],
  ["p50", "p50", "number medium"],
  ["p95", "p95", "number"],
  ["p99", "p99", "number medium"],
];

/** HTTP by path: how often, how wrong, how slow. */
export function PathTable({ profile }: { profile: NetworkProfile }) {
  const [order, setOrder] = useState<{ by: PathOrder; descending: boolean }>({
    by: "requests",
    descending: true,
  });
  const [all, setAll] = useState(false);
  const rows = useMemo(() => listPaths(profile), [profile]);
  const value = pathValues[order.by];
  const sign = order.descending ? -1 : 1;
  const sorted = rows.toSorted((one, two) =>
    Number(one.path === "") - Number(two.path === "") || sign * (value(one.sum) - value(two.sum))
  );
  const shown = all ? sorted : sorted.slice(0, firstRows);
  const rest = rows.every(({ path }) => path === "") ? "all paths" : "all other paths";
  const both = rows.some(({ isServer }) => isServer) && rows.some(({ isServer }) => !isServer);
  return (
    <>
      <div class="table-box">
        <table class="path-table">
          <thead>
            <tr>
              <th scope="col">Path</th>
              {both && <th scope="col" class="fit medium">Side</th>}
              {columns.map(([by, title, className]) => (
                <SortHeader
                  key={by}
                  title={title}
                  class={className}
                  active={order.by === by}
                  descending={order.descending}
                  onSort={() => setOrder({ by, descending: order.by === by ? !order.descending : true })}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Row
                key={`${row.isServer} ${row.path}`}
                row={row}
                both={both}
                rest={rest}
                seconds={Math.max(1, profile.observedSeconds)}
              />
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

function Row(
  { row: { path, isServer, sum }, both, rest, seconds }: {
    row: PathRow;
    both: boolean;
    /** What the requests without a path are called. */
    rest: string;
    seconds: number;
  },
) {
  const time = (order: "p50" | "p95" | "p99") => {
    const ns = pathValues[order](sum);
    return ns === 0 ? <span class="muted">–</span> : formatTime(ns);
  };
  const errors = (count: number) => <span class={count > 0 ? "bad" : "muted"}>{formatCount(count)}</span>;
  return (
    <tr>
      <td class="names grow">
        {path === "" ? <span class="muted">{rest}</span> : <Name text={path} mono />}
      </td>
      {both && <td class="fit muted medium">{isServer ? "served" : "called"}</td>}
      <td class="number" title={formatRate(sum.requests, seconds)}>
        {formatCount(sum.requests)}
        <span class="sub">{formatRate(sum.requests, seconds)}</span>
      </td>
      <td class="number">{errors(sum.errors4xx)}</td>
      <td class="number">{errors(sum.errors5xx)}</td>
      <td class="number medium">{time("p50")}</td>
      <td class="number">{time("p95")}</td>
      <td class="number medium">{time("p99")}</td>
    </tr>
  );
}
