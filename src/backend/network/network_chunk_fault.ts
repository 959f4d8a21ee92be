import type { NetworkChunk, NetworkRequests } from "../../gen/stakeout/v1/network_pb.ts";
import { reportLimits as limits } from "../report_limits.ts";

/** Why a chunk of a network profile cannot be taken; undefined when nothing is wrong with it. */
export function networkChunkFault(chunk: NetworkChunk): string | undefined {
  const { seconds, processes, edges, paths, traffic, pathTraffic, dns, samples } = chunk;
  if (seconds > limits.secondsPerChunk) return "too many seconds in a chunk";
  if (edges.length > limits.networkEdges) return "too many edges in a chunk";
  if ([...traffic, ...pathTraffic].some(({ second }) => second >= seconds)) return "second beyond its chunk";
  const texts = [
    ...processes.flatMap(({ processId, name, service, instance }) => [processId, name, service, instance]),
    ...edges.flatMap(({ processId, peerProcessId, unixPath }) => [processId, peerProcessId, unixPath]),
    ...[...paths, ...samples].map(({ path }) => path),
    ...dns.map(({ name }) => name),
    ...samples.flatMap(({ method, threadName, traceId, spanId, traceSegmentId }) => [
      ...[method, threadName, traceId, spanId, traceSegmentId],
    ]),
    ...chunk.limits,
  ];
  if (texts.some((text) => text.length > limits.nameBytes)) return `text over ${limits.nameBytes} bytes`;
  const addresses = edges.flatMap(({ localAddress, remoteAddress }) => [localAddress, remoteAddress]);
  if (!addresses.every(({ length }) => length === 0 || length === 4 || length === 16)) {
    return "address of neither IPv4 nor IPv6";
  }
  const requests = [
    ...traffic.flatMap((row) => [row.http, row.dns]),
    ...pathTraffic.map(({ http }) => http),
    ...dns.map((row) => row.dns),
  ];
  if (!requests.every(hasHistogram)) return "histogram of buckets that do not exist";
  return undefined;
}

function hasHistogram(requests: NetworkRequests | undefined): boolean {
  if (requests === undefined) return true;
  const { bucketNumbers, bucketCounts } = requests;
  return bucketNumbers.length === bucketCounts.length &&
    bucketNumbers.every((bucket) => bucket < limits.latencyBuckets);
}
