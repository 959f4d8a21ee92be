import assert from "node:assert/strict";
import { type Rule, ruleDefaults } from "../../model/policy.ts";
import { HttpInterval } from "./http_interval.ts";
import { httpValue } from "./http_value.ts";

function rule(metric: Rule["metric"], more: Partial<Rule> = {}): Rule {
  return { ...ruleDefaults, metric, threshold: 500, ...more };
}

function interval(...requests: [latencyMs: number, status: number][]): HttpInterval {
  const made = new HttpInterval();
  for (const [latencyMs, status] of requests) made.add(latencyMs * 1e6, status, 1);
  return made;
}

Deno.test("httpValue() has each metric's value with what it was made of", () => {
  const some = interval([10, 200], [20, 404], [30, 503], [40, 302]);
  const value = (metric: Rule["metric"], more: Partial<Rule> = {}) =>
    httpValue(rule(metric, more), some, 1, []);
  assert.deepEqual(value("http_error_rate"), { value: 50, counts: { requests: 4, errors: 2, pending: 0 } });
  assert.deepEqual(value("http_error_rate", { errors: "5xx" }), {
    value: 25,
    counts: { requests: 4, errors: 1, pending: 0 },
  });
  assert.equal(value("http_request_rate")?.value, 4);
  assert.equal(httpValue(rule("http_request_rate"), some, 2, [])?.value, 2);
  assert.equal(value("http_avg_response_time")?.value, 25);
  const p99 = value("http_p99_response_time")!.value;
  assert.ok(p99 > 37 && p99 <= 40, `${p99}`);
});

Deno.test("httpValue() is nothing without requests, except of those in flight over the threshold where they are judged", () => {
  const average = rule("http_avg_response_time", { includePending: true });
  assert.equal(httpValue(average, undefined, 1, []), undefined);
  assert.equal(httpValue(average, undefined, 1, [499e6]), undefined);
  assert.deepEqual(httpValue(average, undefined, 1, [499e6, 500e6, 1500e6]), {
    value: 1000,
    counts: { requests: 0, errors: 0, pending: 2 },
  });
  assert.equal(httpValue({ ...average, includePending: false }, undefined, 1, [500e6]), undefined);
  assert.equal(
    httpValue(rule("http_error_rate", { includePending: true, threshold: 1 }), undefined, 1, [9e9]),
    undefined,
  );
  const p50 = httpValue(rule("http_p50_response_time", { includePending: true }), interval([1, 200]), 1, [
    2e9,
    3e9,
  ]);
  assert.ok(p50!.value > 1700 && p50!.value <= 2200, `${p50?.value}`);
});
