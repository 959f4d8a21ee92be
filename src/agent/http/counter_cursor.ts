import { layouts } from "../../gen/records.ts";
import { HttpInterval } from "./http_interval.ts";
import { latencyBuckets } from "../../model/latency_buckets.ts";

const { size, offsets } = layouts.http_counters_value;

/**
 * Reads one block of counters that BPF programs add to, and says what was added since the last time.
 *
 * Source: struct http_counters_value in the mapped array `counters`. Plain loads: nothing is locked, and a request that ends
 * meanwhile may have its time in this interval and its count in the next.
 */
export class CounterCursor {
  /** Index of the block. */
  readonly index: number;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #longs: BigUint64Array<ArrayBuffer>;
  readonly #buckets: Uint32Array<ArrayBuffer>;
  readonly #bucketsBefore = new Uint32Array(latencyBuckets);
  readonly #interval = new HttpInterval();
  #sumBefore = 0n;
  #errors4xxBefore = 0;
  #errors5xxBefore = 0;
  #late = false;

  /** What the block holds already is left out, unless the block is `fresh`: nobody has read it before. */
  constructor(memory: ArrayBuffer, index: number, { fresh = false } = {}) {
    const start = index * size;
    this.index = index;
    this.#words = new Uint32Array(memory, start, size / 4);
    this.#longs = new BigUint64Array(memory, start, size / 8);
    this.#buckets = new Uint32Array(memory, start + offsets.buckets, latencyBuckets);
    if (fresh) return;
    this.#bucketsBefore.set(this.#buckets);
    this.#sumBefore = this.#longs[offsets.sum_ns / 8]!;
    this.#errors4xxBefore = this.#words[offsets.errors_4xx / 4]!;
    this.#errors5xxBefore = this.#words[offsets.errors_5xx / 4]!;
    Atomics.store(this.#longs, offsets.max_ns / 8, 0n);
  }

  /** Returns what was added since the last call, undefined when no request ended. The object is reused by the next call. */
  read(): HttpInterval | undefined {
    const sum = this.#longs[offsets.sum_ns / 8]!;
    // The kernel adds to a bucket last: that of a request whose time was there already may have come since.
    if (sum === this.#sumBefore && !this.#late) return undefined;
    this.#late = sum !== this.#sumBefore;
    const interval = this.#interval;
    interval.requests = 0;
    for (let bucket = 0; bucket < latencyBuckets; bucket++) {
      const count = this.#buckets[bucket]!;
      const added = (count - this.#bucketsBefore[bucket]!) >>> 0;
      this.#bucketsBefore[bucket] = count;
      interval.buckets[bucket] = added;
      interval.requests += added;
    }
    if (interval.requests === 0) return undefined;
    const errors4xx = this.#words[offsets.errors_4xx / 4]!;
    const errors5xx = this.#words[offsets.errors_5xx / 4]!;
    interval.errors4xx = (errors4xx - this.#errors4xxBefore) >>> 0;
    interval.errors5xx = (errors5xx - this.#errors5xxBefore) >>> 0;
    interval.sumNs = Number(sum - this.#sumBefore);
    interval.maxNs = Number(Atomics.exchange(this.#longs, offsets.max_ns / 8, 0n));
    this.#sumBefore = sum;
    this.#errors4xxBefore = errors4xx;
    this.#errors5xxBefore = errors5xx;
    return interval;
  }
}
