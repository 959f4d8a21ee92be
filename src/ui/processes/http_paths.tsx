import type { HttpPath } from "../../gen/stakeout/v1/agent_service_pb.ts";
import { useState } from "preact/hooks";
import { Name } from "../components/name.tsx";
import { formatCount, formatPercent, formatValue } from "../format.ts";
import { errorPercent, errorWords, formatRate } from "./http_words.ts";

const firstRows = 10;
/** As the agent marks a path that it cut. */
const cutMark = "…";

/** The paths with most requests: how often, how wrong, how slow. */
export function HttpPaths({ paths, seconds, policyHref }: {
  paths: readonly HttpPath[];
  seconds: number;
  /** Where to write a rule on one path. */
  policyHref: (path: string) => string;
}) {
  const [all, setAll] = useState(false);
  if (paths.length === 0) return null;
  const shown = all ? paths : paths.slice(0, firstRows);
  const most = paths.reduce((highest, { requests }) => requests > highest ? requests : highest, 1n);
  return (
    <>
      <div class="table-box">
        <table class="http-paths">
          <thead>
            <tr>
              <th scope="col">Top paths</th>
              <th scope="col" class="number">Requests</th>
              <th scope="col" class="medium share-head" aria-hidden="true"></th>
              <th scope="col" class="number">Errors</th>
              <th scope="col" class="number">Mean</th>
              <th scope="col" class="number medium">Longest</th>
              <th scope="col" class="wide"></th>
            </tr>
          </thead>
          <tbody>
            {shown.map((path) => (
              <tr key={path.path}>
                <td class="names grow">
                  {path.path === ""
                    ? <span class="muted">all other paths</span>
                    : <Name text={path.path} mono />}
                </td>
                <td class="number" title={`${formatCount(path.requests)} requests`}>
                  {formatRate(path.requests, seconds)}
                </td>
                <td class="medium share-cell">
                  <span class="cpu-bar" aria-hidden="true">
                    <span style={{ width: `${Number(path.requests) / Number(most) * 100}%` }} />
                  </span>
                </td>
                <td class="number" title={errorWords(path)}>
                  <Errors path={path} />
                </td>
                <td class="number">{formatValue("http_avg_response_time", path.meanMs)}</td>
                <td class="number medium">{formatValue("http_avg_response_time", path.maxMs)}</td>
                <td class="fit wide">
                  {path.path.startsWith("/") && !path.path.endsWith(cutMark) && (
                    <a href={policyHref(path.path)} aria-label="Write a rule on this path">Add a rule</a>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {paths.length > firstRows && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show ${paths.length - firstRows} more`}
          </button>
        </div>
      )}
    </>
  );
}

function Errors({ path }: { path: HttpPath }) {
  const percent = errorPercent(path);
  if (percent === undefined) return null;
  return percent === 0 ? <span class="muted">0 %</span> : <span class="bad">{formatPercent(percent)}</span>;
}
