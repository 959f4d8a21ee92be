import { clone } from "@bufbuild/protobuf";
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

/** What does not fit into 32 bits is no message. */
const largestCount = 0xffff_ffff;

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
  for (const count of counts) sum[count] = Math.min(sum[count] + row[count], largestCount);
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

/**
 * Adds requests to a sum, in place, and gives it back; a copy of the requests where there was no sum yet. Either may be none.
 * A profile has hundreds of thousands of rows: nothing is made anew for each.
 */
export function addRequests(
  sum: NetworkRequests | undefined,
  row: NetworkRequests | undefined,
): NetworkRequests | undefined {
  if (row === undefined) return sum;
  if (sum === undefined) return clone(NetworkRequestsSchema, row);
  sum.requests += row.requests;
  sum.errors4xx += row.errors4xx;
  sum.errors5xx += row.errors5xx;
  sum.sumNs += row.sumNs;
  if (row.maxNs > sum.maxNs) sum.maxNs = row.maxNs;
  const { bucketNumbers, bucketCounts } = sum;
  let place = 0;
  for (const [index, bucket] of row.bucketNumbers.entries()) {
    // Both ascend; a histogram that does not is summed as well, from the start again.
    if (place > 0 && bucketNumbers[place - 1]! >= bucket) place = 0;
    while (place < bucketNumbers.length && bucketNumbers[place]! < bucket) place++;
    const count = row.bucketCounts[index] ?? 0n;
    if (bucketNumbers[place] === bucket) bucketCounts[place]! += count;
    else {
      bucketNumbers.splice(place, 0, bucket);
      bucketCounts.splice(place, 0, count);
    }
  }
  return sum;
}
