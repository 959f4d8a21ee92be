import { create } from "@bufbuild/protobuf";
import {
  type NetworkRequests,
  NetworkRequestsSchema,
  type NetworkTraffic,
} from "../../gen/stakeout/v1/network_pb.ts";

/** Counts that add up; the others are gauges and extremes. */
const counts = [
  ...["opened", "closedByLocal", "closedByRemote", "closedByReset", "closedByTimeout"],
  ...["connects", "connectsRefused", "connectsTimedOut", "connectsFailed"],
  ...["resetsSent", "resetsReceived", "retransmits", "rttSamples", "dnsTimeouts"],
] as readonly Count[];
const longCounts = [
  ...["receivedBytes", "sentBytes", "receivedMessages", "sentMessages", "connectSumNs", "rttSumUs"],
] as readonly LongCount[];

type Count = Exclude<
  { [K in keyof NetworkTraffic]: NetworkTraffic[K] extends number ? K : never }[keyof NetworkTraffic],
  "edge" | "second" | "open" | "rttMinUs" | "rttMaxUs" | undefined
>;
type LongCount = Exclude<
  { [K in keyof NetworkTraffic]: NetworkTraffic[K] extends bigint ? K : never }[keyof NetworkTraffic],
  "connectMaxNs" | undefined
>;

/** Adds a later second of the same edge to a sum. */
export function addTraffic(sum: NetworkTraffic, row: NetworkTraffic): void {
  for (const count of counts) sum[count] += row[count];
  for (const count of longCounts) sum[count] += row[count];
  sum.open = row.open;
  if (row.connectMaxNs > sum.connectMaxNs) sum.connectMaxNs = row.connectMaxNs;
  if (row.rttMinUs !== 0 && (sum.rttMinUs === 0 || row.rttMinUs < sum.rttMinUs)) sum.rttMinUs = row.rttMinUs;
  sum.rttMaxUs = Math.max(sum.rttMaxUs, row.rttMaxUs);
  const http = addRequests(sum.http, row.http);
  if (http !== undefined) sum.http = http;
  const dns = addRequests(sum.dns, row.dns);
  if (dns !== undefined) sum.dns = dns;
}

/** Sum of two counts of requests, either of which may be none. */
export function addRequests(
  sum: NetworkRequests | undefined,
  row: NetworkRequests | undefined,
): NetworkRequests | undefined {
  if (row === undefined || sum === undefined) return sum ?? row;
  const buckets = new Map<number, bigint>();
  for (const { bucketNumbers, bucketCounts } of [sum, row]) {
    for (const [index, bucket] of bucketNumbers.entries()) {
      buckets.set(bucket, (buckets.get(bucket) ?? 0n) + (bucketCounts[index] ?? 0n));
    }
  }
  const sorted = [...buckets].sort(([one], [other]) => one - other);
  return create(NetworkRequestsSchema, {
    requests: sum.requests + row.requests,
    errors4xx: sum.errors4xx + row.errors4xx,
    errors5xx: sum.errors5xx + row.errors5xx,
    sumNs: sum.sumNs + row.sumNs,
    maxNs: sum.maxNs > row.maxNs ? sum.maxNs : row.maxNs,
    bucketNumbers: sorted.map(([bucket]) => bucket),
    bucketCounts: sorted.map(([, count]) => count),
  });
}
