import { create, type MessageInitShape } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkChunkSchema, NetworkTrafficSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { NetworkMerger } from "./network_merger.ts";

const taskId = "a".repeat(32);
const startMs = 1_000_000;

function row(second: number, count: number): MessageInitShape<typeof NetworkTrafficSchema> {
  return {
    ...{ edge: 1, second, opened: count, open: count, sentBytes: BigInt(count), rttSamples: 1 },
    ...{ rttSumUs: BigInt(count), rttMinUs: count, rttMaxUs: count, connectMaxNs: BigInt(count) },
    http: {
      ...{ requests: BigInt(count), sumNs: BigInt(count * 1000), maxNs: BigInt(count * 1000) },
      ...{ bucketNumbers: [3, 4 + second], bucketCounts: [1n, BigInt(count - 1)] },
    },
  };
}

function chunk(number: number, rest: MessageInitShape<typeof NetworkChunkSchema> = {}) {
  const startUnixMs = BigInt(startMs + number * 5000);
  return create(NetworkChunkSchema, { taskId, number, startUnixMs, seconds: 5, ...rest });
}

function merge(range: { fromSecond: number; toSecond: number }, chunks: ReturnType<typeof chunk>[]) {
  const merger = new NetworkMerger({ taskId, taskStartMs: startMs, ...range });
  for (const one of chunks) merger.add(one);
  return merger.finish();
}

function chunks() {
  return [
    chunk(0, {
      edges: [{ edge: 1, processId: "a" }],
      paths: [{ pathNumber: 1, edge: 1, path: "/" }],
      traffic: [row(0, 10), row(4, 20)],
      pathTraffic: [{ pathNumber: 1, second: 0, http: { requests: 10n } }],
      dns: [{ edge: 1, name: "a", type: 1, dns: { requests: 1n }, timeouts: 1 }],
      samples: [{ edge: 1, startedUnixUs: BigInt((startMs + 4500) * 1000) }],
      loss: { merged: 1n },
      limits: ["one"],
    }),
    chunk(1, {
      edges: [{ edge: 1, processId: "a", peerProcessId: "b", tls: true }],
      traffic: [row(2, 5)],
      pathTraffic: [{ pathNumber: 1, second: 2, http: { requests: 5n } }],
      dns: [{ edge: 1, name: "a", type: 1, dns: { requests: 2n } }],
      loss: { merged: 2n, unreadable: 4n },
      last: true,
    }),
  ];
}

Deno.test("NetworkMerger adds up counts, keeps extremes and the last gauge, and takes the newest names", () => {
  const profile = merge({ fromSecond: 0, toSecond: 0 }, chunks());
  const [total] = profile.totals;
  assert.deepEqual([total?.opened, total?.open, total?.sentBytes], [35, 5, 35n]);
  assert.deepEqual([total?.rttSumUs, total?.rttMinUs, total?.rttMaxUs, total?.connectMaxNs], [
    35n,
    5,
    20,
    20n,
  ]);
  assert.deepEqual([total?.http?.requests, total?.http?.maxNs], [35n, 20_000n]);
  assert.deepEqual(total?.http?.bucketNumbers, [3, 4, 6, 8]);
  assert.deepEqual(total?.http?.bucketCounts, [3n, 9n, 4n, 19n]);
  assert.deepEqual(profile.traffic.map(({ second }) => second), [0, 4, 7]);
  assert.deepEqual([profile.edges[0]?.peerProcessId, profile.edges[0]?.tls], ["b", true]);
  assert.deepEqual([profile.pathTotals[0]?.http?.requests, profile.dns[0]?.dns?.requests], [15n, 3n]);
  assert.deepEqual([profile.dns[0]?.timeouts, profile.seconds, profile.limits], [1, 10, ["one"]]);
  assert.deepEqual([profile.loss?.merged, profile.loss?.unreadable, profile.missingChunks], [3n, 4n, 0]);
});

Deno.test("NetworkMerger counts seconds once of which several chunks tell", () => {
  const [first, second] = chunks();
  const more = { ...chunk(1), startUnixMs: first!.startUnixMs };
  const profile = merge({ fromSecond: 0, toSecond: 0 }, [first!, more, { ...second!, number: 2 }]);
  assert.deepEqual([profile.observedSeconds, profile.missingChunks], [10, 0]);
});

Deno.test("NetworkMerger holds a count that has reached its bits", () => {
  const most = 0xffff_ffff;
  const full = [0, 1].map((number) =>
    chunk(number, { traffic: [{ edge: 1, second: 0, retransmits: most }] })
  );
  assert.equal(merge({ fromSecond: 0, toSecond: 0 }, full).totals[0]?.retransmits, most);
});

Deno.test("NetworkMerger cuts to a range, and names stay", () => {
  const profile = merge({ fromSecond: 4, toSecond: 7 }, chunks());
  assert.deepEqual([profile.totals[0]?.sentBytes, profile.samples.length, profile.seconds], [20n, 1, 3]);
  assert.equal(profile.edges.length, 1);
  assert.deepEqual(merge({ fromSecond: 0, toSecond: 4 }, chunks()).samples, []);
});

Deno.test("NetworkMerger tells chunks that never came", () => {
  const [first, second] = chunks();
  second!.number = 3;
  second!.startUnixMs = BigInt(startMs + 15_000);
  assert.equal(merge({ fromSecond: 0, toSecond: 0 }, [first!, second!]).missingChunks, 2);
});

Deno.test("NetworkMerger joins seconds where there are too many of them", () => {
  const seriesOf = new Set([1, 2, 3, 4]);
  const merger = new NetworkMerger({ taskId, taskStartMs: startMs, fromSecond: 0, toSecond: 0, seriesOf });
  for (let number = 0; number < 720; number++) {
    const seconds = [0, 1, 2, 3, 4];
    const traffic = seconds.flatMap((second) => [1, 2, 3, 4].map((edge) => ({ ...row(second, 3), edge })));
    merger.add(chunk(number, { edges: [1, 2, 3, 4].map((edge) => ({ edge })), traffic }));
  }
  for (let time = 0; time < 2; time++) {
    const { traffic, stepSeconds } = merger.finish();
    assert.deepEqual([traffic.length, stepSeconds], [7_200, 2]);
    assert.deepEqual(traffic.filter(({ edge }) => edge === 1).slice(0, 3).map(({ second }) => second), [
      0,
      2,
      4,
    ]);
    assert.deepEqual([traffic[0]?.opened, traffic[0]?.http?.requests], [6, 6n]);
  }
});
