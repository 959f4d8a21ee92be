import { latencyBucket, latencyBuckets } from "../../model/latency_buckets.ts";

/** Requests that ended in one interval, of one process and role or of those that match one URI. */
export class HttpInterval {
  requests = 0;
  errors4xx = 0;
  errors5xx = 0;
  sumNs = 0;
  maxNs = 0;
  readonly buckets = new Float64Array(latencyBuckets);

  /** Makes it empty. */
  reset(): void {
    this.requests =
      this.errors4xx =
      this.errors5xx =
      this.sumNs =
      this.maxNs =
        0;
    this.buckets.fill(0);
  }

  /** Adds all requests of another one. */
  addAll(other: HttpInterval): void {
    this.requests += other.requests;
    this.errors4xx += other.errors4xx;
    this.errors5xx += other.errors5xx;
    this.sumNs += other.sumNs;
    this.maxNs = Math.max(this.maxNs, other.maxNs);
    for (let bucket = 0; bucket < latencyBuckets; bucket++) this.buckets[bucket]! += other.buckets[bucket]!;
  }

  /** Adds one request that stands for `weight`. */
  add(latencyNs: number, status: number, weight: number): void {
    this.requests += weight;
    if (status >= 500) this.errors5xx += weight;
    else if (status >= 400) this.errors4xx += weight;
    this.sumNs += latencyNs * weight;
    this.maxNs = Math.max(this.maxNs, latencyNs);
    this.buckets[latencyBucket(latencyNs)]! += weight;
  }
}
