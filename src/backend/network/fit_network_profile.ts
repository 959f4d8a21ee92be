import { toBinary } from "@bufbuild/protobuf";
import {
  type NetworkProfile,
  NetworkProfileSchema,
  type NetworkRequests,
  type NetworkTraffic,
} from "../../gen/stakeout/v1/network_pb.ts";

const mostEdges = 1_000;
const mostPaths = 2_000;
const mostNames = 1_000;
/** Room left where even one row of each would not fit. */
const leastRows = 16;
/** A request or an attempt to connect weighs as much as so many bytes, so that a peer that fails is not the first to go. */
const requestBytes = 1_000;

/** Keeps the busiest edges, paths and names, so many that the message stays within its limit, and counts the others. */
export function fitNetworkProfile(profile: NetworkProfile, limitBytes: number): NetworkProfile {
  keep(profile, { edges: mostEdges, paths: mostPaths, names: mostNames, samples: profile.samples.length });
  let bytes = toBinary(NetworkProfileSchema, profile).length;
  while (bytes > limitBytes) {
    const { totals, paths, dns, samples } = profile;
    const most = Math.max(totals.length, paths.length, dns.length, samples.length);
    if (most <= leastRows) {
      profile.traffic = [];
      return profile;
    }
    const share = Math.min(0.8, limitBytes / bytes * 0.95);
    const rows = (count: number) => count <= leastRows ? count : Math.floor(count * share);
    keep(profile, {
      edges: rows(totals.length),
      paths: rows(paths.length),
      names: rows(dns.length),
      samples: rows(samples.length),
    });
    bytes = toBinary(NetworkProfileSchema, profile).length;
  }
  return profile;
}

function keep(
  profile: NetworkProfile,
  limits: { edges: number; paths: number; names: number; samples: number },
): void {
  keepEdges(profile, limits.edges);
  const pathRequests = new Map(profile.pathTotals.map((row) => [row.pathNumber, countRequests(row.http)]));
  const paths = busiest(profile.paths, limits.paths, ({ pathNumber }) => pathRequests.get(pathNumber) ?? 0);
  profile.leftOutPaths += profile.paths.length - paths.length;
  const kept = new Set(paths.map(({ pathNumber }) => pathNumber));
  profile.paths = paths;
  profile.pathTotals = profile.pathTotals.filter(({ pathNumber }) => kept.has(pathNumber));
  const names = busiest(profile.dns, limits.names, ({ dns, timeouts }) => countRequests(dns) + timeouts);
  profile.leftOutNames += profile.dns.length - names.length;
  profile.dns = names;
  if (profile.samples.length > limits.samples) profile.samples = profile.samples.slice(-limits.samples);
}

/** An edge goes with all that is its own, and a peer that no edge names any more. */
function keepEdges(profile: NetworkProfile, limit: number): void {
  const weights = new Map(profile.totals.map((row) => [row.edge, weighTraffic(row)]));
  const edges = busiest(
    profile.edges.filter(({ edge }) => weights.has(edge)),
    limit,
    ({ edge }) => weights.get(edge) ?? 0,
  );
  if (edges.length === profile.edges.length) return;
  profile.leftOutEdges += weights.size - edges.length;
  const kept = new Set(edges.map(({ edge }) => edge));
  const isKept = ({ edge }: { readonly edge: number }) => kept.has(edge);
  profile.edges = edges;
  profile.totals = profile.totals.filter(isKept);
  profile.paths = profile.paths.filter(isKept);
  profile.traffic = profile.traffic.filter(isKept);
  profile.dns = profile.dns.filter(isKept);
  profile.samples = profile.samples.filter(isKept);
  const named = new Set(edges.flatMap(({ processId, peerProcessId }) => [processId, peerProcessId]));
  profile.processes = profile.processes.filter(({ processId, covered }) => covered || named.has(processId));
}

/** The heaviest in the order in which they were. */
function busiest<T>(rows: readonly T[], limit: number, weigh: (row: T) => number): T[] {
  if (rows.length <= limit) return [...rows];
  const sorted = rows.map((row, index) => ({ row, index, weight: weigh(row) }))
    .sort((one, other) => other.weight - one.weight || one.index - other.index);
  return sorted.slice(0, limit).sort((one, other) => one.index - other.index).map(({ row }) => row);
}

function weighTraffic(
  { receivedBytes, sentBytes, http, dns, connects, dnsTimeouts }: NetworkTraffic,
): number {
  const requests = countRequests(http) + countRequests(dns) + connects + dnsTimeouts;
  return Number(receivedBytes + sentBytes) + requests * requestBytes;
}

function countRequests(requests: NetworkRequests | undefined): number {
  return Number(requests?.requests ?? 0n);
}
