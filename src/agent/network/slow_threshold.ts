import { latencyBuckets, quantileNs } from "../../model/latency_buckets.ts";
import type { HttpInterval } from "../http/http_interval.ts";

/** What is left of a second's weight in the next: half is gone after 7 s. */
const kept = 0.9;
const leastRequests = 20;
const slowShare = 0.95;

/** Knows what slow is for one edge: slower than 95 % of its requests of the last seconds. */
export class SlowThreshold {
  readonly #buckets = new Float64Array(latencyBuckets);
  #requests = 0;
  #maxNs = 0;

  /** Adds a second's requests; returns the threshold, undefined while there were too few to tell. */
  add({ buckets, requests, maxNs }: HttpInterval): number | undefined {
    for (let bucket = 0; bucket < latencyBuckets; bucket++) {
      this.#buckets[bucket] = this.#buckets[bucket]! * kept + buckets[bucket]!;
    }
    this.#requests = this.#requests * kept + requests;
    this.#maxNs = Math.max(this.#maxNs * kept, maxNs);
    if (this.#requests < leastRequests) return undefined;
    return quantileNs(this.#buckets, slowShare, this.#maxNs);
  }
}
