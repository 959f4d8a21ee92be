import { create } from "@bufbuild/protobuf";
import { type NetworkRequests, NetworkRequestsSchema } from "../../gen/stakeout/v1/network_pb.ts";
import type { HttpInterval } from "../http/http_interval.ts";

/** What ended in an interval, as it goes on the wire: the histogram without its empty buckets. */
export function toRequests(interval: HttpInterval): NetworkRequests {
  const bucketNumbers: number[] = [];
  const bucketCounts: bigint[] = [];
  for (const [bucket, count] of interval.buckets.entries()) {
    if (count === 0) continue;
    bucketNumbers.push(bucket);
    bucketCounts.push(BigInt(count));
  }
  return create(NetworkRequestsSchema, {
    requests: BigInt(interval.requests),
    errors4xx: BigInt(interval.errors4xx),
    errors5xx: BigInt(interval.errors5xx),
    sumNs: BigInt(interval.sumNs),
    maxNs: BigInt(interval.maxNs),
    bucketNumbers,
    bucketCounts,
  });
}
