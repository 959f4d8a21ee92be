/**
 * Prints the table of figures, ours against the alternative measured in the same run, as Markdown.
 *
 * usage: deno task bench [NAME...]: only those figures; as root, on a machine that does nothing else.
 */
import { readSmallFile } from "../../lib/procfs/small_file.ts";
import { dayToPixels } from "./day_to_pixels.ts";
import { executableCost } from "./executable_cost.ts";
import type { Figure, FigureRow } from "./figure.ts";
import { httpCost } from "./http_cost.ts";
import { httpMemory } from "./http_memory.ts";
import { tlsCost } from "./tls_cost.ts";
import { ingestRate } from "./ingest_rate.ts";
import { networkCost } from "./network_cost.ts";
import { offCpuCost } from "./off_cpu_cost.ts";
import { profileTruth } from "./profile_truth.ts";
import { profilingThroughput } from "./profiling_throughput.ts";
import { skywalkingCost } from "./skywalking_cost.ts";
import { snapshotCost } from "./snapshot_cost.ts";
import { triggerLag } from "./trigger_lag.ts";
import { uiWait } from "./ui_wait.ts";
import { unwindCost } from "./unwind_cost.ts";
import { unwindTruth } from "./unwind_truth.ts";
import { unwindTables } from "./unwind_tables.ts";
import { watchingCost } from "./watching_cost.ts";

const figures: readonly Figure[] = [
  watchingCost,
  snapshotCost,
  triggerLag,
  profilingThroughput,
  profileTruth,
  unwindTables,
  offCpuCost,
  unwindCost,
  unwindTruth,
  httpCost,
  httpMemory,
  tlsCost,
  skywalkingCost,
  networkCost,
  ingestRate,
  dayToPixels,
  uiWait,
  executableCost,
];

const wanted = Deno.args.length > 0 ? Deno.args : figures.map(({ name }) => name);
const unknown = wanted.filter((name) => !figures.some((figure) => figure.name === name));
if (unknown.length > 0) {
  say(`error: no figure ${unknown.join(", ")}; there are ${figures.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}

const rows: FigureRow[] = [];
const failed: string[] = [];
for (const figure of figures.filter(({ name }) => wanted.includes(name))) {
  say(`${figure.name} …`);
  const startMs = performance.now();
  try {
    rows.push(...await figure.measure());
    say(`${figure.name}: ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  } catch (error) {
    failed.push(figure.name);
    say(`error: ${figure.name}: ${error instanceof Error ? error.message : error}`);
  }
}
console.log(formatTable(rows));
console.log(`\n${new Date().toISOString().slice(0, 10)}, ${describeMachine()}.`);
if (failed.length > 0) console.log(`Not measured: ${failed.join(", ")}.`);
Deno.exit(failed.length > 0 ? 1 : 0);

function formatTable(all: readonly FigureRow[]): string {
  const lines = all.map(({ what, ours, alternative, target, met, basis }) =>
    `| ${what} | ${ours} | ${alternative} | ${target} | ${met ? "yes" : "**no**"} | ${basis} |`
  );
  return ["| figure | ours | alternative | target | met | basis |", "|---|---|---|---|---|---|", ...lines]
    .join("\n");
}

function describeMachine(): string {
  const buffer = new Uint8Array(4096);
  const cpuInfo = new TextDecoder().decode(buffer.subarray(0, readSmallFile("/proc/cpuinfo", buffer) ?? 0));
  const model = /^model name\s*:\s*(.+)$/m.exec(cpuInfo)?.[1] ?? "unknown CPU";
  return `${navigator.hardwareConcurrency} × ${model}, Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}`;
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}
