import type { NetworkRequests, NetworkTraffic } from "../../gen/stakeout/v1/network_pb.ts";
import { latencyBuckets, quantileNs } from "../../model/latency_buckets.ts";

/** Requests that ended, of one kind. */
export interface RequestSum {
  requests: number;
  errors4xx: number;
  errors5xx: number;
  sumNs: number;
  maxNs: number;
  /** Requests by bucket of latency. */
  readonly buckets: Float64Array;
}

/** What passed over some edges in some seconds, as numbers. */
export interface TrafficSum {
  readonly http: RequestSum;
  readonly dns: RequestSum;
  dnsTimeouts: number;
  receivedBytes: number;
  sentBytes: number;
  receivedMessages: number;
  sentMessages: number;
  opened: number;
  open: number;
  connects: number;
  connectSumNs: number;
  /** Refused, timed out, or failed otherwise. */
  connectsFailed: number;
  closedByReset: number;
  closedByTimeout: number;
  resetsSent: number;
  resetsReceived: number;
  retransmits: number;
  rttSamples: number;
  rttSumUs: number;
  rttMaxUs: number;
}

/** A sum of no requests. */
export function noRequests(): RequestSum {
  return {
    ...{ requests: 0, errors4xx: 0, errors5xx: 0, sumNs: 0, maxNs: 0 },
    buckets: new Float64Array(latencyBuckets),
  };
}

/** A sum of no traffic. */
export function noTraffic(): TrafficSum {
  return {
    ...{ http: noRequests(), dns: noRequests(), dnsTimeouts: 0, receivedBytes: 0, sentBytes: 0 },
    ...{ receivedMessages: 0, sentMessages: 0, opened: 0, open: 0, connects: 0, connectSumNs: 0 },
    ...{ connectsFailed: 0, closedByReset: 0, closedByTimeout: 0, resetsSent: 0, resetsReceived: 0 },
    ...{ retransmits: 0, rttSamples: 0, rttSumUs: 0, rttMaxUs: 0 },
  };
}

/** Adds a row of another edge. */
export function addTraffic(sum: TrafficSum, row: NetworkTraffic): void {
  addRequests(sum.http, row.http);
  addRequests(sum.dns, row.dns);
  sum.dnsTimeouts += row.dnsTimeouts;
  sum.receivedBytes += Number(row.receivedBytes);
  sum.sentBytes += Number(row.sentBytes);
  sum.receivedMessages += Number(row.receivedMessages);
  sum.sentMessages += Number(row.sentMessages);
  sum.opened += row.opened;
  sum.open += row.open;
  sum.connects += row.connects;
  sum.connectSumNs += Number(row.connectSumNs);
  sum.connectsFailed += row.connectsRefused + row.connectsTimedOut + row.connectsFailed;
  sum.closedByReset += row.closedByReset;
  sum.closedByTimeout += row.closedByTimeout;
  sum.resetsSent += row.resetsSent;
  sum.resetsReceived += row.resetsReceived;
  sum.retransmits += row.retransmits;
  sum.rttSamples += row.rttSamples;
  sum.rttSumUs += Number(row.rttSumUs);
  sum.rttMaxUs = Math.max(sum.rttMaxUs, row.rttMaxUs);
}

/** Adds requests, if there are any. */
export function addRequests(sum: RequestSum, row: NetworkRequests | undefined): void {
  if (row === undefined) return;
  sum.requests += Number(row.requests);
  sum.errors4xx += Number(row.errors4xx);
  sum.errors5xx += Number(row.errors5xx);
  sum.sumNs += Number(row.sumNs);
  sum.maxNs = Math.max(sum.maxNs, Number(row.maxNs));
  for (const [index, bucket] of row.bucketNumbers.entries()) {
    if (bucket < latencyBuckets) sum.buckets[bucket]! += Number(row.bucketCounts[index] ?? 0n);
  }
}

/** Latency below which a share of the requests stayed; undefined without requests. */
export function latencyNs(sum: RequestSum, share: number): number | undefined {
  return sum.requests === 0 ? undefined : quantileNs(sum.buckets, share, sum.maxNs);
}

/** Requests of both kinds with an error, and attempts to connect that failed, and questions without an answer. */
export function countErrors({ http, dns, connectsFailed, dnsTimeouts }: TrafficSum): number {
  return http.errors4xx + http.errors5xx + dns.errors4xx + dns.errors5xx + connectsFailed + dnsTimeouts;
}

/** Mean round trip time; undefined where none was measured. */
export function meanRttNs({ rttSamples, rttSumUs }: TrafficSum): number | undefined {
  return rttSamples === 0 ? undefined : rttSumUs / rttSamples * 1000;
}

/** The sum of several. */
export function unite(sums: readonly TrafficSum[]): TrafficSum {
  const whole = noTraffic();
  for (const sum of sums) {
    uniteRequests(whole.http, sum.http);
    uniteRequests(whole.dns, sum.dns);
    for (const name of Object.keys(sum) as (keyof TrafficSum)[]) {
      if (name === "http" || name === "dns") continue;
      whole[name] = name === "rttMaxUs" ? Math.max(whole[name], sum[name]) : whole[name] + sum[name];
    }
  }
  return whole;
}

function uniteRequests(whole: RequestSum, sum: RequestSum): void {
  whole.requests += sum.requests;
  whole.errors4xx += sum.errors4xx;
  whole.errors5xx += sum.errors5xx;
  whole.sumNs += sum.sumNs;
  whole.maxNs = Math.max(whole.maxNs, sum.maxNs);
  for (const [bucket, count] of sum.buckets.entries()) whole.buckets[bucket]! += count;
}
