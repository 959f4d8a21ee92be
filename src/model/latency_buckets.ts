/** Buckets of latency as the BPF programs count them (LATENCY_BUCKETS in bpf/http.h). */
export const latencyBuckets = 192;

const unitNs = 1024;

/** Lowest latency of a bucket; of `latencyBuckets`, the end of the last: 68.7 s. */
export function bucketStartNs(bucket: number): number {
  if (bucket < 8) return bucket * unitNs;
  const octave = Math.floor(bucket / 8) - 1;
  return (8 + bucket % 8) * 2 ** octave * unitNs;
}

/** Bucket that a latency falls into. */
export function latencyBucket(latencyNs: number): number {
  const units = Math.floor(latencyNs / unitNs);
  if (units < 8) return Math.max(0, units);
  const octave = Math.floor(Math.log2(units)) - 3;
  return Math.min(8 * octave + Math.floor(units / 2 ** octave), latencyBuckets - 1);
}

/**
 * Latency below which a share of all requests stays, between 0 and 1: interpolated within its bucket, so at most 12.5 % off
 * and half of that in the middle; 0 without requests.
 *
 * @param maxNs The largest latency of all, which the answer does not exceed.
 */
export function quantileNs(buckets: ArrayLike<number>, share: number, maxNs: number): number {
  let total = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) total += buckets[bucket]!;
  const rank = share * total;
  let below = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    const count = buckets[bucket]!;
    if (count > 0 && below + count >= rank) {
      const start = bucketStartNs(bucket);
      const end = bucket === latencyBuckets - 1 ? Math.max(maxNs, start) : bucketStartNs(bucket + 1);
      return Math.min(start + (end - start) * (rank - below) / count, Math.max(maxNs, start));
    }
    below += count;
  }
  return 0;
}

/** A histogram without its empty buckets, as it travels. */
export interface SparseHistogram {
  /** Ascending, of the same length as `bucketCounts`. */
  readonly bucketNumbers: readonly number[];
  readonly bucketCounts: readonly (number | bigint)[];
}

/** The same of a histogram as it travels. A bucket that does not exist is left out. */
export function sparseQuantileNs(
  { bucketNumbers, bucketCounts }: SparseHistogram,
  share: number,
  maxNs: number,
): number {
  const buckets = new Float64Array(latencyBuckets);
  for (const [index, bucket] of bucketNumbers.entries()) {
    if (bucket < latencyBuckets) buckets[bucket] = Number(bucketCounts[index] ?? 0);
  }
  return quantileNs(buckets, share, maxNs);
}
