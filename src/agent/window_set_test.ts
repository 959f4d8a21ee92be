import assert from "node:assert/strict";
import type { MetricName } from "../model/metric.ts";
import type { Rule } from "../model/policy.ts";
import { type WatchedRule, windowLimits, WindowSet } from "./window_set.ts";

function watched(
  metric: MetricName,
  periodSeconds: number,
  more: Partial<Rule> = {},
  ruleIndex = 0,
): WatchedRule {
  const rest = { errors: "4xx_5xx", role: "server", includePending: false } as const;
  return {
    policy: "p",
    ruleIndex,
    rule: { metric, threshold: 1, periodSeconds, count: 1, ...rest, ...more },
  };
}

Deno.test("WindowSet.watch() shares one window as long as the longest period that reads it", () => {
  const set = new WindowSet();
  const refusals = set.watch("a", [watched("process_cpu", 10), watched("process_cpu", 60, {}, 1)]);
  assert.deepEqual(refusals, []);
  const series = [...set.seriesOf("a")];
  assert.equal(series.length, 1);
  assert.equal(series[0]?.window.lengthSeconds, 60);
  assert.deepEqual(set.rulesOf("a").map(({ window }) => window), [series[0]?.window, series[0]?.window]);
  assert.equal(set.bytes, 300);
});

Deno.test("WindowSet.watch() keeps slots that are still read and drops windows that are not", () => {
  const set = new WindowSet();
  set.watch("a", [watched("process_cpu", 10), watched("process_thread_count", 10)]);
  for (const { window } of set.seriesOf("a")) window.write(100, 5, false);
  set.watch("a", [watched("process_cpu", 30)]);
  const series = [...set.seriesOf("a")];
  assert.deepEqual(series.map(({ rule }) => rule.metric), ["process_cpu"]);
  assert.equal(series[0]?.window.countAtLeast(1, 100, 30), 1);
  assert.equal(set.bytes, 150);
  set.watch("a", []);
  assert.deepEqual([set.bytes, set.watchedProcesses, [...set.seriesOf("a")]], [0, 0, []]);
});

Deno.test("WindowSet.watch() separates what has different values", () => {
  const set = new WindowSet();
  const rate = (more: Partial<Rule>) => watched("http_error_rate", 10, more);
  set.watch("a", [
    rate({}),
    rate({ errors: "5xx" }),
    rate({ role: "client" }),
    rate({ uri: { paths: ["/a", "/b"] } }),
    rate({ uri: { prefixes: ["/a"] } }),
    rate({ uri: { paths: ["/a"] } }),
    watched("http_avg_response_time", 10),
    watched("http_avg_response_time", 10, { includePending: true }),
  ]);
  assert.equal([...set.seriesOf("a")].length, 8);
  assert.equal(set.rulesOf("a").length, 9);
});

Deno.test("WindowSet.watch() refuses processes over the limit until one goes, and never the host", () => {
  const set = new WindowSet();
  for (let index = 0; index < windowLimits.processes; index++) {
    set.watch(`${index}`, [watched("process_cpu", 1)]);
  }
  assert.deepEqual(set.watch("more", [watched("process_cpu", 1)]), [
    {
      policy: "p",
      ruleIndex: 0,
      processId: "more",
      reason: "4,096 processes are watched on this host already",
    },
  ]);
  assert.deepEqual(set.watch("0", [watched("process_cpu", 2)]), []);
  assert.deepEqual(set.watch("", [watched("system_load", 60)]), []);
  set.unwatch("7");
  assert.deepEqual(set.watch("more", [watched("process_cpu", 1)]), []);
  assert.equal(set.watchedProcesses, windowLimits.processes);
});

Deno.test("WindowSet.watch() refuses a rule whose windows do not fit and takes the others", () => {
  const set = new WindowSet();
  let index = 0;
  while (set.bytes + 18_000 <= windowLimits.bytes) set.watch(`${index++}`, [watched("process_cpu", 3600)]);
  const refusals = set.watch("more", [
    watched("process_cpu", 3600),
    watched("process_thread_count", 10, {}, 1),
  ]);
  assert.deepEqual(refusals, [
    { policy: "p", ruleIndex: 0, processId: "more", reason: "windows take 32 MiB on this host already" },
  ]);
  assert.equal(set.rulesOf("more").length, 1);
  assert.ok(set.bytes <= windowLimits.bytes);
  while (index > 0) set.unwatch(`${--index}`);
  assert.equal(set.bytes, 50);
});

Deno.test("WindowSet.watch() refuses the 65th HTTP rule of the host and counts one of many processes once", () => {
  const set = new WindowSet();
  const rules = Array.from({ length: 65 }, (_, index) => watched("http_error_rate", 10, {}, index));
  for (const id of ["a", "b"]) {
    const refusals = set.watch(id, rules);
    assert.deepEqual(refusals.map(({ ruleIndex, reason }) => [ruleIndex, reason]), [
      [64, "64 HTTP rules are judged on this host already"],
    ]);
  }
  set.unwatch("a");
  set.unwatch("b");
  assert.deepEqual(set.watch("c", [rules[64]!]), []);
});
