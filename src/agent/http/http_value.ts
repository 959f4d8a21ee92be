import type { HttpCounts } from "../../model/cause.ts";
import type { Rule } from "../../model/policy.ts";
import type { HttpInterval } from "./http_interval.ts";
import { latencyBucket, latencyBuckets, quantileNs } from "../../model/latency_buckets.ts";

/** What one second says of a rule's metric. */
export interface HttpValue {
  /** In the metric's unit. */
  readonly value: number;
  readonly counts: HttpCounts;
}

const shares = {
  http_p50_response_time: 0.5,
  http_p95_response_time: 0.95,
  http_p99_response_time: 0.99,
} as const;

/**
 * Value of an HTTP rule's metric in an interval of so many seconds; undefined when there was nothing to judge, which is not
 * 0. `pendingNs` are the ages of requests in flight: of a rule that judges them those over its threshold count as if they had
 * ended with that age, so that a server that never answers trips too.
 */
export function httpValue(
  rule: Rule,
  interval: HttpInterval | undefined,
  coveredSeconds: number,
  pendingNs: readonly number[],
): HttpValue | undefined {
  const late = rule.includePending ? pendingNs.filter((age) => age >= rule.threshold * 1e6) : [];
  const requests = interval?.requests ?? 0;
  if (requests === 0 && (late.length === 0 || !isResponseTime(rule))) return undefined;
  const errors5xx = interval?.errors5xx ?? 0;
  const isRate5xx = rule.metric === "http_error_rate" && rule.errors === "5xx";
  const errors = isRate5xx ? errors5xx : errors5xx + (interval?.errors4xx ?? 0);
  const counts = {
    requests: Math.round(requests / coveredSeconds),
    errors: Math.round(errors / coveredSeconds),
    pending: isResponseTime(rule) ? late.length : 0,
  };
  switch (rule.metric) {
    case "http_request_rate":
      return { value: requests / coveredSeconds, counts };
    case "http_error_rate":
      return { value: Math.min(100, errors / requests * 100), counts };
    case "http_avg_response_time": {
      const sumNs = late.reduce((sum, age) => sum + age, interval?.sumNs ?? 0);
      return { value: sumNs / (requests + late.length) / 1e6, counts };
    }
    case "http_p50_response_time":
    case "http_p95_response_time":
    case "http_p99_response_time":
      return { value: quantile(interval, late, shares[rule.metric]) / 1e6, counts };
    default:
      return undefined;
  }
}

function isResponseTime({ metric }: Rule): boolean {
  return metric === "http_avg_response_time" || Object.hasOwn(shares, metric);
}

function quantile(interval: HttpInterval | undefined, late: readonly number[], share: number): number {
  const maxNs = Math.max(interval?.maxNs ?? 0, ...late);
  if (late.length === 0) return quantileNs(interval?.buckets ?? [], share, maxNs);
  const buckets = Float64Array.from(interval?.buckets ?? new Float64Array(latencyBuckets));
  for (const age of late) buckets[latencyBucket(age)]! += 1;
  return quantileNs(buckets, share, maxNs);
}
