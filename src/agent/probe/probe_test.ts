import assert from "node:assert/strict";
import { makeLive } from "../../../tests/support/live_process.ts";
import { encodeRecords, testLayout } from "../../../tests/support/process_records.ts";
import { ProcessTable } from "../process_table.ts";
import type { Probe } from "./probe.ts";
import { processCpuProbe } from "./process_cpu.ts";
import { systemLoadProbe } from "./system_load.ts";
import { threadCountProbe } from "./thread_count.ts";

/** Takes snapshots of one process and gives the samples that each of them makes. */
function sample(probe: Probe, snapshots: { atBootNs: number; runTimeNs: number; threads?: number }[]) {
  const table = new ProcessTable(testLayout);
  return snapshots.map(({ atBootNs, ...counts }) => {
    table.update(atBootNs, encodeRecords([{ pid: 1, startBootNs: 1, ...counts }]));
    const samples: [string, number, number, number][] = [];
    const live = { ...makeLive(1), row: table.get(1)! };
    probe.read(table, [live], (...taken) => samples.push(taken));
    return samples;
  });
}

Deno.test("processCpuProbe gives % of one core over the time that really went by", () => {
  const samples = sample(processCpuProbe, [
    { atBootNs: 10.0e9, runTimeNs: 5e9 },
    { atBootNs: 11.25e9, runTimeNs: 6e9 },
    { atBootNs: 12.25e9, runTimeNs: 10e9 },
  ]);
  assert.deepEqual(samples, [[], [["boot-1", 10, 80, 1]], [["boot-1", 11, 400, 1]]]);
});

Deno.test("processCpuProbe gives the mean for all slots of missed ticks, and nothing for none", () => {
  const samples = sample(processCpuProbe, [
    { atBootNs: 10e9, runTimeNs: 0 },
    { atBootNs: 14e9, runTimeNs: 1e9 },
    { atBootNs: 14.1e9, runTimeNs: 1.1e9 },
    { atBootNs: 15.1e9, runTimeNs: 1.6e9 },
  ]);
  assert.deepEqual(samples, [[], [["boot-1", 13, 25, 4]], [], [["boot-1", 14, 50, 1]]]);
});

Deno.test("threadCountProbe leaves missed slots alone", () => {
  const samples = sample(threadCountProbe, [
    { atBootNs: 10e9, runTimeNs: 0, threads: 2 },
    { atBootNs: 11e9, runTimeNs: 0, threads: 3 },
    { atBootNs: 14e9, runTimeNs: 0, threads: 5 },
  ]);
  assert.deepEqual(samples, [[], [["boot-1", 10, 3, 1]], [["boot-1", 13, 5, 1]]]);
});

Deno.test("systemLoadProbe gives one sample of the host", () => {
  const samples = sample(systemLoadProbe, [{ atBootNs: 10e9, runTimeNs: 0 }, {
    atBootNs: 11e9,
    runTimeNs: 0,
  }]);
  const [processId, second, value, coveredSeconds] = samples[1]![0]!;
  assert.deepEqual([processId, second, coveredSeconds], ["", 10, 1]);
  assert.ok(Math.abs(value - Deno.loadavg()[0]!) < 0.2);
});
