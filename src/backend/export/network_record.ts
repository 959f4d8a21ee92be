import { create } from "@bufbuild/protobuf";
import type {
  NetworkDns,
  NetworkEdge,
  NetworkPath,
  NetworkPathTraffic,
  NetworkProcess,
  NetworkProfile,
  NetworkRequests,
  NetworkSample,
  NetworkTraffic,
} from "../../gen/stakeout/v1/network_pb.ts";
import {
  NetworkProtocol,
  NetworkRole,
  NetworkTrafficSchema,
  SampleReason,
  TraceHeader,
} from "../../gen/stakeout/v1/network_pb.ts";
import { sparseQuantileNs } from "../../model/latency_buckets.ts";
import { formatAddress, formatPeer } from "../../model/network_address.ts";

const protocols: Readonly<Record<NetworkProtocol, string>> = {
  [NetworkProtocol.UNSPECIFIED]: "unknown",
  [NetworkProtocol.TCP]: "tcp",
  [NetworkProtocol.UDP]: "udp",
  [NetworkProtocol.UNIX]: "unix",
};
const roles: Readonly<Record<NetworkRole, string>> = {
  [NetworkRole.UNSPECIFIED]: "unknown",
  [NetworkRole.CLIENT]: "client",
  [NetworkRole.SERVER]: "server",
};
const reasons: Readonly<Record<SampleReason, string>> = {
  [SampleReason.UNSPECIFIED]: "unknown",
  [SampleReason.NORMAL]: "normal",
  [SampleReason.SLOW]: "slow",
  [SampleReason.FAILED]: "failed",
};
const traceHeaders: Readonly<Record<TraceHeader, string>> = {
  [TraceHeader.UNSPECIFIED]: "",
  [TraceHeader.TRACEPARENT]: "traceparent",
  [TraceHeader.SW8]: "sw8",
  [TraceHeader.B3]: "b3",
};

/** A network profile as JSON: names for numbers, milliseconds for times, edges with all that is theirs. */
export function toNetworkRecord(profile: NetworkProfile) {
  const tables = new ProfileTables(profile);
  return {
    startedAt: new Date(Number(profile.startUnixMs)).toISOString(),
    seconds: profile.seconds,
    processes: profile.processes.map(({ $typeName: _type, $unknown: _unknown, ...process }) => process),
    edges: profile.edges.map((edge) => toEdge(edge, tables)),
    samples: profile.samples.map((sample) => toSample(sample, tables)),
    loss: profile.loss === undefined ? null : toCounts(profile.loss),
    missingChunks: profile.missingChunks,
    limits: profile.limits,
  };
}

/** A network profile as {@linkcode toNetworkRecord} makes it. */
export type NetworkRecord = ReturnType<typeof toNetworkRecord>;

/** What belongs to what, found at once: a profile has thousands of each. */
class ProfileTables {
  readonly processes: ReadonlyMap<string, NetworkProcess>;
  readonly edges: ReadonlyMap<number, NetworkEdge>;
  readonly totals: ReadonlyMap<number, NetworkTraffic>;
  readonly paths: ReadonlyMap<number, NetworkPath[]>;
  readonly pathTotals: ReadonlyMap<number, NetworkPathTraffic>;
  readonly dns: ReadonlyMap<number, NetworkDns[]>;

  constructor(profile: NetworkProfile) {
    this.processes = new Map(profile.processes.map((process) => [process.processId, process]));
    this.edges = new Map(profile.edges.map((edge) => [edge.edge, edge]));
    this.totals = new Map(profile.totals.map((row) => [row.edge, row]));
    this.paths = Map.groupBy(profile.paths, ({ edge }) => edge);
    this.pathTotals = new Map(profile.pathTotals.map((row) => [row.pathNumber, row]));
    this.dns = Map.groupBy(profile.dns, ({ edge }) => edge);
  }
}

function toEdge(edge: NetworkEdge, tables: ProfileTables) {
  const total = tables.totals.get(edge.edge);
  const paths = tables.paths.get(edge.edge) ?? [];
  const names = tables.dns.get(edge.edge) ?? [];
  return {
    edge: edge.edge,
    ...findProcess(edge.processId, tables),
    protocol: protocols[edge.protocol] ?? "unknown",
    role: roles[edge.role] ?? "unknown",
    peer: formatPeer({ ...edge, isServer: edge.role === NetworkRole.SERVER }),
    peerProcess: edge.peerProcessId === "" ? null : findProcess(edge.peerProcessId, tables),
    localAddress: formatAddress(edge.localAddress),
    remoteAddress: formatAddress(edge.remoteAddress),
    serverPort: edge.serverPort,
    unixPath: edge.unixPath,
    networkNamespace: edge.networkNamespace,
    merged: edge.merged,
    tls: edge.tls,
    ...toTraffic(total ?? create(NetworkTrafficSchema)),
    paths: paths.map((path) => toPath(path, tables)).filter(({ requests }) => requests > 0)
      .sort((one, other) => other.requests - one.requests),
    names: names.map(({ name, type, dns, timeouts }) => ({
      ...{ name, type, timeouts },
      ...toRequests(dns),
    })),
  };
}

function toTraffic(row: NetworkTraffic) {
  const connected = row.connects - row.connectsRefused - row.connectsTimedOut - row.connectsFailed;
  return {
    receivedBytes: Number(row.receivedBytes),
    sentBytes: Number(row.sentBytes),
    receivedMessages: Number(row.receivedMessages),
    sentMessages: Number(row.sentMessages),
    opened: row.opened,
    open: row.open,
    closedByLocal: row.closedByLocal,
    closedByRemote: row.closedByRemote,
    closedByReset: row.closedByReset,
    closedByTimeout: row.closedByTimeout,
    connects: row.connects,
    connectsRefused: row.connectsRefused,
    connectsTimedOut: row.connectsTimedOut,
    connectsFailed: row.connectsFailed,
    connectMeanMs: connected > 0 ? Number(row.connectSumNs) / connected / 1e6 : null,
    connectMaxMs: Number(row.connectMaxNs) / 1e6,
    resetsSent: row.resetsSent,
    resetsReceived: row.resetsReceived,
    retransmits: row.retransmits,
    rttMeanMs: row.rttSamples > 0 ? Number(row.rttSumUs) / row.rttSamples / 1000 : null,
    rttMinMs: row.rttMinUs / 1000,
    rttMaxMs: row.rttMaxUs / 1000,
    http: row.http === undefined ? null : toRequests(row.http),
    dns: row.dns === undefined ? null : toRequests(row.dns),
    dnsTimeouts: row.dnsTimeouts,
  };
}

function toPath({ path, pathNumber }: NetworkPath, tables: ProfileTables) {
  return { path, ...toRequests(tables.pathTotals.get(pathNumber)?.http) };
}

function toRequests(row: NetworkRequests | undefined) {
  const requests = Number(row?.requests ?? 0n);
  const maxNs = Number(row?.maxNs ?? 0n);
  return {
    requests,
    errors4xx: Number(row?.errors4xx ?? 0n),
    errors5xx: Number(row?.errors5xx ?? 0n),
    meanMs: requests > 0 ? Number(row?.sumNs) / requests / 1e6 : 0,
    p50Ms: row === undefined ? 0 : sparseQuantileNs(row, 0.5, maxNs) / 1e6,
    p95Ms: row === undefined ? 0 : sparseQuantileNs(row, 0.95, maxNs) / 1e6,
    p99Ms: row === undefined ? 0 : sparseQuantileNs(row, 0.99, maxNs) / 1e6,
    maxMs: maxNs / 1e6,
  };
}

function toSample(sample: NetworkSample, tables: ProfileTables) {
  const edge = tables.edges.get(sample.edge);
  return {
    edge: sample.edge,
    peer: edge === undefined ? "" : formatPeer({ ...edge, isServer: edge.role === NetworkRole.SERVER }),
    reason: reasons[sample.reason] ?? "unknown",
    startedAt: new Date(Number(sample.startedUnixUs) / 1000).toISOString(),
    method: sample.method,
    path: sample.path,
    status: sample.status,
    requestBytes: Number(sample.requestBytes),
    responseBytes: Number(sample.responseBytes),
    requestMs: Number(sample.requestNs) / 1e6,
    waitMs: Number(sample.waitNs) / 1e6,
    responseMs: Number(sample.responseNs) / 1e6,
    complete: sample.complete,
    tid: sample.tid,
    threadName: sample.threadName,
    traceId: sample.traceId,
    traceHeader: traceHeaders[sample.traceHeader] ?? "",
  };
}

function findProcess(processId: string, { processes }: ProfileTables) {
  const process = processes.get(processId);
  return { processId, pid: process?.pid ?? 0, name: process?.name ?? "", service: process?.service ?? "" };
}

/** The fields of a message that are numbers, each as a JSON number. */
function toCounts(message: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(message).filter(([, count]) => typeof count === "number" || typeof count === "bigint")
      .map(([name, count]) => [name, Number(count)]),
  );
}
