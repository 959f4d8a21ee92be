import process from "node:process";
import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { processLayout, ProcessSnapshots } from "../../src/agent/probe/process_snapshot.ts";
import { ProcessTable } from "../../src/agent/process_table.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import type { Figure } from "./figure.ts";
import { buildProgram, startPinned, withFolder } from "./machine.ts";
import { readAllStats } from "./proc_reader.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const processes = 2000;
const pairs = 25;

/** What one process costs in a snapshot of all, next to reading the same from its /proc/PID/stat. */
export const snapshotCost: Figure = {
  name: "snapshot",
  measure: () => withFolder(measure),
};

async function measure(folder: string) {
  const sleeper = await buildProgram("programs/sleepers.c", folder, "bench-sleeper");
  await using sleepers = startPinned([sleeper, String(processes)], { cpu: 1 });
  await sleepers.expect(/ready/);
  const build = (path: string) => Deno.readFileSync(`${repositoryRoot}/build/${path}`);
  const snapshot = await ProcessSnapshots.open(openLibbpf(build("libbpf.so")), build("bpf/process.bpf.o"));
  const table = new ProcessTable(processLayout);
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    for (let pair = -2; pair < pairs; pair++) {
      const snapshotUs = measureUs(10, () => {
        const { atBootNs, records } = snapshot.read();
        table.update(atBootNs, records);
      });
      const statsUs = measureUs(1, readAllStats);
      if (pair < 0) continue; // Both warm up.
      ours.push(snapshotUs / table.size);
      theirs.push(statsUs / table.size);
    }
  } finally {
    await snapshot.close();
  }
  const ratio = medianInterval(theirs.map((one, pair) => one / ours[pair]!));
  return [{
    what: "CPU of one process in a snapshot",
    ours: formatInterval(medianInterval(ours), " µs"),
    alternative: `/proc/PID/stat from Deno: ${formatInterval(medianInterval(theirs), " µs", 1)}, ${
      formatInterval(ratio, "×", 0)
    }`,
    target: "≥ 15× cheaper",
    met: ratio.median >= 15,
    basis: `${pairs} pairs, ${table.size} processes`,
  }];
}

function measureUs(times: number, work: () => void): number {
  const before = process.cpuUsage();
  for (let count = 0; count < times; count++) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}
