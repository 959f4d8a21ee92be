import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { NetworkFarEnd, NetworkProfile } from "../../gen/stakeout/v1/network_pb.ts";
import { Icon } from "../components/icon.tsx";
import { Name } from "../components/name.tsx";
import { formatBytes, formatCount } from "../format.ts";
import { errorWords, formatRate } from "../processes/http_words.ts";
import { formatTime, summarizeTraffic } from "./measures.ts";
import {
  channelWords,
  type GraphLink,
  type GraphNode,
  linkEnds,
  type NetworkGraph,
} from "./network_graph.ts";
import { listCharts, toColumns } from "./traffic_columns.ts";
import { TrafficChart } from "./traffic_chart.tsx";
import {
  addTraffic,
  latencyNs,
  meanRttNs,
  noTraffic,
  type RequestSum,
  type TrafficSum,
  unite,
} from "./traffic_sum.ts";

const leastSeenPx = 120;

/** What was chosen on the map: its figures, how the other end saw it, and its charts. */
export function LinkPanel({ graph, links, detail, fromSecond, onClose }: {
  graph: NetworkGraph;
  links: readonly GraphLink[];
  /** The profile of the links' edges alone, with their seconds; undefined while it is asked for. */
  detail: NetworkProfile | undefined;
  fromSecond: number;
  onClose: () => void;
}) {
  const sum = useMemo(() => unite(links.map((link) => link.sum)), [links]);
  const columns = useMemo(
    () =>
      detail && toColumns(detail.traffic, {
        ...{ startUnixMs: Number(detail.startUnixMs), fromSecond },
        ...{ seconds: detail.seconds, stepSeconds: Math.max(1, detail.stepSeconds) },
      }),
    [detail, fromSecond],
  );
  const charts = useMemo(() => columns && listCharts(columns), [columns]);
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const top = panel.current?.getBoundingClientRect().top ?? 0;
    // Below a long table nobody would see that something was chosen.
    if (top > innerHeight - leastSeenPx) panel.current?.scrollIntoView({ block: "start" });
  }, []);
  const far = [...new Set(links.flatMap((link) => link.far))];
  return (
    <section class="link-panel" aria-label="Chosen connection" ref={panel}>
      <div class="link-head">
        <h3>
          <Ends links={links} nodes={graph.nodes} />
        </h3>
        <span class="muted">
          {[...new Set(links.map(channelWords))].filter(Boolean).join(", ")}
        </span>
        <button type="button" class="button small plain" onClick={onClose}>
          <Icon name="close" />Close
        </button>
      </div>
      <Facts sum={sum} seconds={graph.seconds} />
      {far.map((end) => <FarEnd key={`${end.taskId} ${end.edges[0]}`} end={end} />)}
      {charts !== undefined && columns !== undefined
        ? (
          <div class="charts traffic-charts">
            {charts.map((chart) => <TrafficChart key={chart.title} chart={chart} times={columns.times} />)}
          </div>
        )
        : (
          <div class="loading" role="status" aria-label="Loading">
            <span />
            <span />
          </div>
        )}
    </section>
  );
}

/** Who talks to whom; a process of the inventory leads to its page. */
function Ends({ links, nodes }: { links: readonly GraphLink[]; nodes: NetworkGraph["nodes"] }) {
  const [first] = links;
  if (first === undefined) return null;
  if (links.length === 1) {
    const { from, arrow, to } = linkEnds(first, nodes);
    return (
      <>
        <End node={from} /> {arrow} <End node={to} />
      </>
    );
  }
  const processes = new Set(links.map(({ process }) => process));
  const peers = new Set(links.map(({ peer }) => peer));
  return (
    <>
      {processes.size === 1 ? <End node={nodes.get(first.process)} /> : `${processes.size} processes`} and
      {" "}
      {peers.size === 1 ? <End node={nodes.get(first.peer)} /> : `${peers.size} peers`}
    </>
  );
}

function End({ node }: { node: GraphNode | undefined }) {
  const name = <Name text={node?.title ?? ""} />;
  return node === undefined || node.processId === ""
    ? name
    : <a href={`/processes/${node.processId}`}>{name}</a>;
}

function Facts({ sum, seconds }: { sum: TrafficSum; seconds: number }) {
  const { http, dns } = sum;
  const rtt = meanRttNs(sum);
  return (
    <dl class="facts link-facts">
      {http.requests > 0 && <RequestFacts title="HTTP requests" sum={http} seconds={seconds} />}
      {(dns.requests > 0 || sum.dnsTimeouts > 0) && (
        <RequestFacts title="DNS questions" sum={dns} seconds={seconds} />
      )}
      <Fact title="Received" sub={`${formatCount(sum.receivedMessages)} messages`}>
        {formatBytes(sum.receivedBytes / seconds)}/s
      </Fact>
      <Fact title="Sent" sub={`${formatCount(sum.sentMessages)} messages`}>
        {formatBytes(sum.sentBytes / seconds)}/s
      </Fact>
      {sum.open + sum.opened + sum.connects > 0 && <ConnectionFacts sum={sum} />}
      {rtt !== undefined && (
        <Fact title="Round trip" sub={`at most ${formatTime(sum.rttMaxUs * 1000)}`}>{formatTime(rtt)}</Fact>
      )}
      {(rtt !== undefined || sum.retransmits > 0) && (
        <Fact
          title="Retransmits"
          sub={`resets: ${formatCount(sum.resetsSent)} sent, ${formatCount(sum.resetsReceived)} received`}
        >
          <span class={sum.retransmits > 0 ? "bad" : ""}>{formatCount(sum.retransmits)}</span>
        </Fact>
      )}
    </dl>
  );
}

/** Whose agent does not tell how many are open has those that it saw instead. */
function ConnectionFacts({ sum }: { sum: TrafficSum }) {
  const established = sum.connects - sum.connectsFailed;
  const seen = `${formatCount(sum.opened)} seen`;
  const words = [
    ...sum.open > 0 ? [seen] : [],
    ...sum.connectsFailed > 0
      ? [`${formatCount(sum.connectsFailed)} of ${formatCount(sum.connects)} failed`]
      : [],
    ...established > 0 && sum.connectSumNs > 0
      ? [`connect ${formatTime(sum.connectSumNs / established)}`]
      : [],
  ];
  return (
    <Fact title="Connections" sub={words.join(", ")}>
      {sum.open > 0 ? `${formatCount(sum.open)} open` : seen}
    </Fact>
  );
}

function RequestFacts({ title, sum, seconds }: { title: string; sum: RequestSum; seconds: number }) {
  const p95 = latencyNs(sum, 0.95);
  const errors = errorWords({ errors4xx: BigInt(sum.errors4xx), errors5xx: BigInt(sum.errors5xx) });
  return (
    <>
      <Fact title={title} sub={`${formatCount(sum.requests)} in all`}>
        {formatRate(sum.requests, seconds)}
      </Fact>
      <Fact title="Errors" sub={errors || "none"}>
        <span class={errors === "" ? "" : "bad"}>{formatCount(sum.errors4xx + sum.errors5xx)}</span>
      </Fact>
      {p95 !== undefined && (
        <Fact
          title="Latency p95"
          sub={`p50 ${formatTime(latencyNs(sum, 0.5) ?? 0)}, p99 ${formatTime(latencyNs(sum, 0.99) ?? 0)}`}
        >
          {formatTime(p95)}
        </Fact>
      )}
    </>
  );
}

function Fact({ title, sub, children }: { title: string; sub: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd class="number">
        {children}
        <span class="sub">{sub}</span>
      </dd>
    </div>
  );
}

/** The same connections as the network profile of the other end's own task saw them. */
function FarEnd({ end }: { end: NetworkFarEnd }) {
  const sum = noTraffic();
  if (end.total !== undefined) addTraffic(sum, end.total);
  const who = end.processes.map(({ name, pid }) => `${name} (${pid})`).join(", ");
  return (
    <p class="far-end">
      Seen from the other end, <Name text={`${who} on ${end.host}`} />:{" "}
      {summarizeTraffic(sum, Math.max(1, end.observedSeconds))}.{" "}
      <a href={`/tasks/${end.taskId}`}>Its own task</a>
    </p>
  );
}
