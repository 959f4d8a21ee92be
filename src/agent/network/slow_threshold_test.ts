import assert from "node:assert/strict";
import { HttpInterval } from "../http/http_interval.ts";
import { SlowThreshold } from "./slow_threshold.ts";

function second(requests: number, latencyMs: number): HttpInterval {
  const interval = new HttpInterval();
  for (let request = 0; request < requests; request++) interval.add(latencyMs * 1e6, 200, 1);
  return interval;
}

Deno.test("SlowThreshold says nothing before there were enough requests to tell", () => {
  const slow = new SlowThreshold();
  assert.equal(slow.add(second(5, 10)), undefined);
  assert.equal(slow.add(second(5, 10)), undefined);
  assert.ok(near(slow.add(second(30, 10))!, 10));
});

Deno.test("SlowThreshold is above what nearly all requests take, and follows them", () => {
  const slow = new SlowThreshold();
  const mixed = second(97, 10);
  for (let request = 0; request < 3; request++) mixed.add(500e6, 200, 1);
  assert.ok(near(slow.add(mixed)!, 10));
  let thresholdNs = 0;
  for (let round = 0; round < 40; round++) thresholdNs = slow.add(second(100, 80))!;
  assert.ok(near(thresholdNs, 80), `${thresholdNs} ns`);
});

function near(ns: number, milliseconds: number): boolean {
  return Math.abs(ns / 1e6 / milliseconds - 1) < 0.13;
}
