import type { HttpSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Ago } from "../components/time.tsx";
import { formatCount, formatPercent, formatSpan } from "../format.ts";
import { nowUnixMs } from "../time.ts";
import {
  describeInFlight,
  describeOmissions,
  describeUnread,
  errorPercent,
  errorWords,
  formatRate,
} from "./http_words.ts";

/** A record comes about every 10 s. */
const oldMs = 40_000;

/** One side of a process's HTTP in figures: the last minutes, what is in flight, what can't be read and why. */
export function HttpSide({ summary }: { summary: HttpSummary }) {
  const { http, seconds, startUnixMs } = summary;
  if (http === undefined) return null;
  const endUnixMs = startUnixMs + BigInt(seconds * 1000);
  const percent = errorPercent(http);
  const unread = describeUnread(http.connections, http.tlsReason);
  const connections = http.connections?.http ?? 0n;
  return (
    <div class="http-figures">
      <dl class="facts">
        <div>
          <dt>Requests</dt>
          <dd class="number">
            {formatRate(http.requests, seconds)}
            <span class="sub">
              {formatCount(http.requests)} in {formatSpan(seconds)}
              {Number(endUnixMs) < nowUnixMs() - oldMs && (
                <>
                  , until <Ago unixMs={endUnixMs} />
                </>
              )}
            </span>
          </dd>
        </div>
        <div>
          <dt>Errors</dt>
          <dd class="number">
            {percent === undefined
              ? <span class="muted">no response</span>
              : <span class={percent > 0 ? "bad" : ""}>{formatPercent(percent)}</span>}
            <span class="sub">{errorWords(http) || "no 4xx, no 5xx"}</span>
          </dd>
        </div>
        <div>
          <dt>In flight</dt>
          <dd class="number">
            {http.inFlightUnread ? <span class="muted">not read</span> : formatCount(http.inFlight)}
            <span class="sub">{describeInFlight(http)}</span>
          </dd>
        </div>
        <div>
          <dt>Connections read</dt>
          <dd class="number">
            {formatCount(connections)}
            <span class="sub">
              {http.connections !== undefined && http.connections.tlsRead > 0n
                ? `${formatCount(http.connections.tlsRead)} of them encrypted`
                : "since it is watched"}
            </span>
          </dd>
        </div>
      </dl>
      {unread !== undefined && (
        <div class="notice http-unread">
          <strong>{unread.summary}{unread.reasons.length === 1 ? ", because" : ", because:"}</strong>
          <ul>{unread.reasons.map((reason) => <li key={reason}>{reason}.</li>)}</ul>
        </div>
      )}
      {describeOmissions(http).map((sentence) => <p key={sentence} class="muted">{sentence}</p>)}
    </div>
  );
}
