import type { NetworkRecord } from "../backend/export/network_record.ts";
import { formatTable } from "./table.ts";

type Edge = NetworkRecord["edges"][number];

/** What a network profile says, for a terminal: a row for each peer of each process, busiest first, then paths and names. */
export function formatNetwork(record: NetworkRecord): string {
  const edges = record.edges.filter(({ http, dns, opened, connects, sentBytes, receivedBytes, open }) =>
    http !== null || dns !== null || [opened, connects, sentBytes, receivedBytes, open].some(Boolean)
  ).sort((one, other) => weigh(other) - weigh(one));
  if (edges.length === 0) return "no traffic\n";
  const seconds = Math.max(1, record.seconds);
  const parts = [formatTable([
    [
      ...["PROCESS", "ROLE", "PEER", "REQ/S", "4XX", "5XX", "P50", "P95"],
      ...["CONNS", "FAILED", "RTT", "RETRANS", "RESETS", "IN/S", "OUT/S"],
    ],
    ...edges.map((edge) => formatEdge(edge, seconds)),
  ])];
  const paths = edges.flatMap((edge) => edge.paths.map((path) => ({ edge, ...path })))
    .sort((one, other) => other.requests - one.requests).slice(0, 20);
  if (paths.length > 0) {
    parts.push(formatTable([
      ["PATH", "PEER", "REQUESTS", "4XX", "5XX", "P50", "P95", "MAX"],
      ...paths.map(({ edge, path, requests, errors4xx, errors5xx, p50Ms, p95Ms, maxMs }) => [
        ...[path, edge.peer, `${requests}`, `${errors4xx}`, `${errors5xx}`],
        ...[p50Ms, p95Ms, maxMs].map(formatMs),
      ]),
    ]));
  }
  const names = edges.flatMap((edge) => edge.names.map((name) => ({ edge, ...name })));
  if (names.length > 0) {
    parts.push(formatTable([
      ["NAME", "SERVER", "ANSWERS", "NXDOMAIN", "ERRORS", "TIMEOUTS", "P50", "MAX"],
      ...names.slice(0, 20).map(({ edge, name, requests, errors4xx, errors5xx, timeouts, p50Ms, maxMs }) => [
        ...[name === "" ? "(others)" : name, edge.peer, `${requests}`, `${errors4xx}`, `${errors5xx}`],
        ...[`${timeouts}`, formatMs(p50Ms), formatMs(maxMs)],
      ]),
    ]));
  }
  return parts.join("\n");
}

function formatEdge(edge: Edge, seconds: number): string[] {
  const { http, rttMeanMs } = edge;
  const failed = edge.connectsRefused + edge.connectsTimedOut + edge.connectsFailed;
  const peer = edge.peerProcess === null ? edge.peer : `${edge.peer} ${edge.peerProcess.name}`;
  return [
    `${edge.name} (${edge.pid})`,
    edge.role,
    edge.protocol === "tcp" ? peer : `${edge.protocol} ${peer}`,
    ...http === null ? ["-", "-", "-", "-", "-"] : [
      `${Number((http.requests / seconds).toFixed(1))}`,
      `${http.errors4xx}`,
      `${http.errors5xx}`,
      formatMs(http.p50Ms),
      formatMs(http.p95Ms),
    ],
    `${edge.opened}`,
    `${failed}`,
    rttMeanMs === null ? "-" : formatMs(rttMeanMs),
    `${edge.retransmits}`,
    `${edge.resetsSent + edge.resetsReceived}`,
    formatBytes(edge.receivedBytes / seconds),
    formatBytes(edge.sentBytes / seconds),
  ];
}

function weigh({ receivedBytes, sentBytes }: Edge): number {
  return receivedBytes + sentBytes;
}

/** `0.03 ms`, `12 ms`, `1.5 s`. */
function formatMs(milliseconds: number): string {
  if (milliseconds >= 1000) return `${Number((milliseconds / 1000).toPrecision(3))} s`;
  return `${Number(milliseconds.toPrecision(2))} ms`;
}

/** `312 B`, `1.4 KiB`. */
function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB"]) {
    if (value < 1024) return `${Number(value.toPrecision(value < 100 ? 2 : 3))} ${unit}`;
    value /= 1024;
  }
  return `${Number(value.toPrecision(3))} GiB`;
}
