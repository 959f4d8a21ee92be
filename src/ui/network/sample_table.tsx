import { useState } from "preact/hooks";
import { type NetworkSample, SampleReason } from "../../gen/stakeout/v1/network_pb.ts";
import { Name } from "../components/name.tsx";
import { Segments } from "../components/segments.tsx";
import { SortHeader } from "../components/sort_header.tsx";
import { formatBytes, formatCount } from "../format.ts";
import { formatLocalClock } from "../time.ts";
import { CopyButton } from "./copy_button.tsx";
import { describeParts, partsNs, reasonWords, totalNs, totalWords, traceHeaderName } from "./sample_words.ts";

const firstRows = 20;
const filters = [
  ["all", "All", undefined],
  ["slow", "Slow", SampleReason.SLOW],
  ["failed", "Failed", SampleReason.FAILED],
  ["normal", "Normal", SampleReason.NORMAL],
] as const;
type Filter = typeof filters[number][0];

/** Who is at the ends of a sample's edge. */
export interface SampleEnds {
  readonly isServer: boolean;
  readonly process: string;
  readonly peer: string;
}

/** Single requests: the slow, the failed, and a few normal ones. */
export function SampleTable({ samples, endsOf }: {
  samples: readonly NetworkSample[];
  endsOf: (edge: number) => SampleEnds;
}) {
  const [filter, setFilter] = useState<Filter>("all");
  const [order, setOrder] = useState<{ by: "time" | "duration"; descending: boolean }>({
    by: "time",
    descending: true,
  });
  const [count, setCount] = useState(firstRows);
  const wanted = filters.find(([name]) => name === filter)?.[2];
  const chosen = samples.filter(({ reason }) => wanted === undefined || reason === wanted);
  const sorted = chosen.toSorted((one, two) => {
    const difference = order.by === "time"
      ? Number(one.startedUnixUs - two.startedUnixUs)
      : totalNs(one) - totalNs(two);
    return order.descending ? -difference : difference;
  });
  const shown = sorted.slice(0, count);
  const longest = shown.reduce((most, sample) => Math.max(most, totalNs(sample)), 1);
  const sort = (by: "time" | "duration") =>
    setOrder({ by, descending: order.by === by ? !order.descending : true });
  const options = filters.map(([name, title, reason]) => {
    const rows = reason === undefined
      ? samples.length
      : samples.filter((one) => one.reason === reason).length;
    return [name, `${title} ${formatCount(rows)}`] as const;
  });
  return (
    <>
      <div class="network-tools">
        <Segments label="Which requests" options={options} value={filter} onChoose={setFilter} />
        <span class="time-keys muted">
          <span>
            <i class="time-part request" />reading or sending the request
          </span>
          <span>
            <i class="time-part wait" />working or waiting
          </span>
          <span>
            <i class="time-part response" />the answer
          </span>
        </span>
      </div>
      {shown.length === 0
        ? <p class="empty">No request of this sort was kept here.</p>
        : (
          <div class="table-box">
            <table class="sample-table">
              <thead>
                <tr>
                  <SortHeader
                    title="Began"
                    active={order.by === "time"}
                    descending={order.descending}
                    onSort={() => sort("time")}
                  />
                  <th scope="col">Request</th>
                  <th scope="col" class="number">Status</th>
                  <SortHeader
                    title="Time"
                    class="time-head"
                    active={order.by === "duration"}
                    descending={order.descending}
                    onSort={() => sort("duration")}
                  />
                  <th scope="col" class="number medium">In, out</th>
                  <th scope="col" class="wide">Thread</th>
                  <th scope="col" class="medium">Trace</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((sample, index) => (
                  <SampleRow
                    key={`${sample.edge} ${sample.startedUnixUs} ${sample.tid} ${index}`}
                    sample={sample}
                    longest={longest}
                    ends={endsOf(sample.edge)}
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
      {sorted.length > count && (
        <div class="panel-foot">
          <button type="button" class="button small" onClick={() => setCount(count + 100)}>
            Show {formatCount(Math.min(100, sorted.length - count))} more
          </button>
        </div>
      )}
    </>
  );
}

function SampleRow({ sample, longest, ends }: { sample: NetworkSample; longest: number; ends: SampleEnds }) {
  const { text, tone } = reasonWords(sample.reason);
  const startMs = Number(sample.startedUnixUs) / 1000;
  const [received, sent] = ends.isServer
    ? [sample.requestBytes, sample.responseBytes]
    : [sample.responseBytes, sample.requestBytes];
  return (
    <tr>
      <td class="number-left when">
        {formatLocalClock(startMs)}.{String(Math.floor(startMs) % 1000).padStart(3, "0")}
        <span class={`sub ${tone}`}>{text}</span>
      </td>
      <td class="names grow">
        <Name text={[sample.method, sample.path].filter(Boolean).join(" ")} mono />
        <span class="sub">
          <Name text={ends.isServer ? `${ends.peer} → ${ends.process}` : `${ends.process} → ${ends.peer}`} />
        </span>
      </td>
      <td class="number">
        <span class={sample.status >= 400 ? "bad" : ""}>{sample.status || "–"}</span>
      </td>
      <td class="time-cell">
        <TimeBar sample={sample} longest={longest} isServer={ends.isServer} />
      </td>
      <td class="number medium">
        {received + sent === 0n ? <span class="muted">–</span> : (
          <>
            {formatBytes(received)}
            <span class="sub">{formatBytes(sent)}</span>
          </>
        )}
      </td>
      <td class="names wide">
        {sample.tid === 0 ? <span class="muted">–</span> : (
          <>
            <Name text={sample.threadName} />
            <span class="sub">{sample.tid}</span>
          </>
        )}
      </td>
      <td class="fit medium">
        {sample.traceId === "" ? <span class="muted">–</span> : (
          <span class="trace">
            <span class="mono" title={`${traceHeaderName(sample.traceHeader)}: ${sample.traceId}`}>
              {sample.traceId.slice(0, 8)}…
            </span>
            <CopyButton text={sample.traceId} label="Copy the trace id" />
          </span>
        )}
      </td>
    </tr>
  );
}

/** The three parts of a request's time, drawn against the longest shown. */
function TimeBar(
  { sample, longest, isServer }: { sample: NetworkSample; longest: number; isServer: boolean },
) {
  const words = describeParts(sample, isServer);
  const classes = ["request", "wait", "response"];
  return (
    <span class="time-bar" title={words}>
      <span class="time-total number">
        {totalWords(sample)}
        {!sample.complete && "+"}
      </span>
      <span class="time-parts" role="img" aria-label={words}>
        {partsNs(sample).map((part, index) =>
          part > 0 && (
            <span
              key={classes[index]}
              class={`time-part ${classes[index]}`}
              style={{ width: `${part / longest * 100}%` }}
            />
          )
        )}
      </span>
    </span>
  );
}
