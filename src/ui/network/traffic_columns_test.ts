/// <reference lib="deno.ns" />
import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkTrafficSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { listCharts, toColumns } from "./traffic_columns.ts";

function row(second: number, requests: number, edge = 1) {
  const http = {
    requests: BigInt(requests),
    errors5xx: 1n,
    maxNs: 9_000n,
    bucketNumbers: [8],
    bucketCounts: [BigInt(requests)],
  };
  return create(NetworkTrafficSchema, { edge, second, http, sentBytes: 100n, rttSamples: 1, rttSumUs: 50n });
}

const range = { startUnixMs: 10_000, fromSecond: 5, seconds: 4, stepSeconds: 1 };

Deno.test("toColumns() sums edges by second; a second without rows has no latency, and zero requests", () => {
  const columns = toColumns([row(5, 2), row(5, 3, 2), row(7, 4)], range);
  assert.deepEqual(columns.times, [10, 11, 12, 13]);
  const charts = new Map(listCharts(columns).map((chart) => [chart.title, chart.lines]));
  assert.deepEqual(charts.get("Requests a second")?.map(({ values }) => values), [[5, 0, 4, 0], [
    2,
    0,
    1,
    0,
  ]]);
  const [p95] = charts.get("Latency")!;
  assert.deepEqual(p95?.values.map((value) => value === null), [false, true, false, true]);
  assert.deepEqual(charts.get("Round trip time")?.[0]?.values, [50_000, null, 50_000, null]);
});

Deno.test("toColumns() gives rates a second where a step has several", () => {
  const [requests] = listCharts(toColumns([row(5, 4), row(7, 6)], { ...range, stepSeconds: 2 }));
  assert.deepEqual(requests?.lines[0]?.values, [2, 3]);
});

Deno.test("listCharts() leaves out what an edge does not have", () => {
  const unix = create(NetworkTrafficSchema, { edge: 1, second: 5, sentBytes: 10n, open: 1 });
  const titles = listCharts(toColumns([unix], range)).map(({ title }) => title);
  assert.deepEqual(titles, ["Bytes a second", "Connections"]);
});
