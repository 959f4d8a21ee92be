import assert from "node:assert/strict";
import fc from "fast-check";
import { bucketStartNs, latencyBucket, latencyBuckets, quantileNs } from "./latency_buckets.ts";

Deno.test("latencyBucket() finds the bucket whose bounds hold the latency, each at most an eighth wide", () => {
  for (let bucket = 0; bucket < latencyBuckets - 1; bucket++) {
    const [start, end] = [bucketStartNs(bucket), bucketStartNs(bucket + 1)];
    assert.deepEqual([latencyBucket(start), latencyBucket(end - 1)], [bucket, bucket]);
    assert.ok(bucket < 8 || (end - start) / start <= 0.125);
  }
  assert.equal(latencyBucket(1e12), latencyBuckets - 1);
  assert.equal(latencyBucket(0), 0);
});

Deno.test("quantileNs() is within a bucket of the sorted latencies and never over the largest", () => {
  const latency = fc.integer({ min: 1, max: 60e9 });
  fc.assert(
    fc.property(
      fc.array(latency, { minLength: 1 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (latencies, share) => {
        const buckets = new Float64Array(latencyBuckets);
        for (const one of latencies) buckets[latencyBucket(one)]!++;
        const sorted = latencies.toSorted((one, other) => one - other);
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)]!;
        const found = quantileNs(buckets, share, sorted.at(-1)!);
        assert.ok(Math.abs(found - exact) <= Math.max(1024, exact * 0.125), `${found} of ${exact}`);
        assert.ok(found <= Math.max(sorted.at(-1)!, 1024));
      },
    ),
  );
  assert.equal(quantileNs(new Float64Array(latencyBuckets), 0.5, 0), 0);
});
