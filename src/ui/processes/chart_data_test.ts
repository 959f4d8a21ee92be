/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { MetricSeriesSchema } from "../../gen/stakeout/v1/query_service_pb.ts";
import { newestValue, toColumns, topOfScale } from "./chart_data.ts";

function seriesOf(seconds: readonly number[]) {
  return create(MetricSeriesSchema, {
    atUnixMs: seconds.map((second) => BigInt(second * 1000)),
    min: [...seconds],
    max: [...seconds],
    mean: [...seconds],
  });
}

Deno.test("toColumns() breaks the line where slots are absent, so that a gap is never a value", () => {
  const [times, , , means] = toColumns(seriesOf([10, 11, 15, 16]), 1);
  assert.deepEqual(times, [10, 11, 12, 15, 16]);
  assert.deepEqual(means, [10, 11, null, 15, 16]);
});

Deno.test("toColumns() takes neighbouring points of a coarse step for neighbours", () => {
  const [times, , , means] = toColumns(seriesOf([0, 5, 10, 25]), 5);
  assert.deepEqual(times, [0, 5, 10, 15, 25]);
  assert.deepEqual(means, [0, 5, 10, null, 25]);
});

Deno.test("topOfScale() makes room for data and near thresholds, but not for far ones beyond the lowest", () => {
  const tops = [topOfScale(50, []), topOfScale(50, [80]), topOfScale(2, [10, 20, 4000]), topOfScale(0, [])];
  assert.deepEqual(tops.map((top) => Number(top.toFixed(2))), [56, 89.6, 22.4, 1.12]);
});

Deno.test("newestValue() says that there is none instead of zero", () => {
  assert.equal(newestValue("process_cpu", seriesOf([])), "no value");
  assert.equal(newestValue("process_cpu", seriesOf([1, 42])), "42 %");
});
