import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { readStat } from "../../lib/procfs/process.ts";
import { HttpMonitor } from "./http/http_monitor.ts";
import { Pipeline } from "./pipeline.ts";
import { builtAbilities, PolicyBook } from "./policy_book.ts";
import { processCpuProbe } from "./probe/process_cpu.ts";
import { processLayout } from "./probe/process_snapshot.ts";
import { threadCountProbe } from "./probe/thread_count.ts";
import type { Probe } from "./probe/probe.ts";
import { Trigger } from "./trigger.ts";

/** A real process, so that its identity can be read, whose counters the test makes up. */
interface Target extends Disposable {
  readonly pid: number;
  runTimeNs: number;
  threads: number;
  startBootNs: number;
}

function startTarget(): Target {
  const child = new Deno.Command("sleep", { args: ["60"], stdin: "null", stdout: "null" }).spawn();
  const startBootNs = readStat(child.pid)!.startTicks * 1e7;
  const end = () => {
    child.kill("SIGKILL");
    void child.status;
  };
  return { pid: child.pid, runTimeNs: 0, threads: 1, startBootNs, [Symbol.dispose]: end };
}

function writeRecords(targets: readonly Target[]): Uint8Array {
  const bytes = new Uint8Array(targets.length * processLayout.size);
  const view = new DataView(bytes.buffer);
  targets.forEach((target, index) => {
    const at = index * processLayout.size;
    view.setBigUint64(at + processLayout.runTimeNs, BigInt(target.runTimeNs), true);
    view.setBigUint64(at + processLayout.startBootNs, BigInt(target.startBootNs), true);
    view.setUint32(at + processLayout.pid, target.pid, true);
    view.setUint32(at + processLayout.threads, target.threads, true);
    bytes.set(new TextEncoder().encode("sleep"), at + processLayout.name);
  });
  return bytes;
}

function newPipeline(load: readonly number[] = []): Pipeline {
  let tick = 0;
  const loadProbe: Probe = {
    metric: "system_load",
    read: (table, _processes, take) => take("", table.second, load[tick++] ?? 0, 1),
  };
  let id = 0;
  return new Pipeline({
    layout: processLayout,
    book: new PolicyBook(builtAbilities),
    trigger: new Trigger({ makeTaskId: () => `${++id}` }),
    http: new HttpMonitor({ open: () => Promise.reject(new Error("No kernel here")), logger: silentLogger }),
    probes: [processCpuProbe, threadCountProbe, loadProbe],
    ...{ bootId: "0".repeat(36), host: "test", overrides: [], ownPids: [] },
  });
}

function policy(name: string, rule: string): { name: string; source: string; version: number } {
  const source = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: ${name} }
target: { exe: "*/sleep" }
rules: [${rule}]
start: [on_cpu]
`;
  return { name, source, version: 1 };
}

Deno.test("Pipeline.tick() starts a task in the second in which count slots reach the threshold", async () => {
  using target = startTarget();
  const pipeline = newPipeline();
  await pipeline.start(100e9, writeRecords([target]));
  pipeline.setPolicies(1, [policy("cpu", "{ metric: process_cpu, threshold: 80%, period: 10s, count: 3 }")]);
  assert.equal(pipeline.watchedProcesses, 1);
  const usedPercent = [90, 10, 85, 20, 95, 99];
  const startedAt: number[] = [];
  for (const [index, percent] of usedPercent.entries()) {
    target.runTimeNs += percent * 1e7;
    const { outcome } = pipeline.tick((101 + index) * 1e9, writeRecords([target]), undefined);
    for (const { cause, processes } of outcome.starts) {
      startedAt.push(index);
      assert.equal(processes[0]?.pid, target.pid);
      assert.deepEqual(cause!.slots.slice(-5).map(({ value }) => Math.round(value)), usedPercent.slice(0, 5));
      assert.equal(cause!.reached, 3);
    }
  }
  assert.deepEqual(startedAt, [4]);
});

Deno.test("Pipeline.tick() fills missed seconds with the counter's mean and counts them", async () => {
  using target = startTarget();
  const pipeline = newPipeline();
  await pipeline.start(100e9, writeRecords([target]));
  pipeline.setPolicies(1, [policy("cpu", "{ metric: process_cpu, threshold: 50%, period: 10s, count: 4 }")]);
  target.runTimeNs += 4 * 0.6e9;
  const { outcome } = pipeline.tick(104e9, writeRecords([target]), undefined);
  const [start] = outcome.starts;
  assert.deepEqual(start?.cause?.slots.slice(-4).map(({ state }) => state), Array(4).fill("partial"));
});

Deno.test("Pipeline.tick() starts one task over the two busiest processes when a host-wide rule trips", async () => {
  using first = startTarget();
  using second = startTarget();
  using third = startTarget();
  const targets = [first, second, third];
  const pipeline = newPipeline([1, 9, 9]);
  await pipeline.start(100e9, writeRecords(targets));
  pipeline.setPolicies(1, [policy("load", "{ metric: system_load, threshold: 8, period: 5s, count: 2 }")]);
  const started: number[][] = [];
  for (let index = 0; index < 3; index++) {
    targets.forEach((target, position) => target.runTimeNs += [0.1e9, 0.9e9, 0.5e9][position]!);
    const { outcome } = pipeline.tick((101 + index) * 1e9, writeRecords(targets), undefined);
    started.push(...outcome.starts.map(({ processes }) => processes.map(({ pid }) => pid)));
  }
  assert.deepEqual(started, [[second.pid, third.pid]]);
});

Deno.test("Pipeline.setPolicies() keeps the slots of windows that are still read", async () => {
  using target = startTarget();
  const pipeline = newPipeline();
  await pipeline.start(100e9, writeRecords([target]));
  const rule = "{ metric: process_thread_count, threshold: 5, period: 10s, count: 3 }";
  pipeline.setPolicies(1, [policy("threads", rule)]);
  target.threads = 7;
  for (let second = 101; second <= 102; second++) {
    pipeline.tick(second * 1e9, writeRecords([target]), undefined);
  }
  pipeline.setPolicies(2, [policy("threads", rule), policy("other", rule.replace("5,", "100,"))]);
  const { outcome } = pipeline.tick(103e9, writeRecords([target]), undefined);
  assert.equal(outcome.starts.length, 1);
  pipeline.setPolicies(3, []);
  assert.equal(pipeline.watchedProcesses, 0);
  assert.equal(pipeline.windows.bytes, 0);
});
