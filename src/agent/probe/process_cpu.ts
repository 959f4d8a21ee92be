import type { Probe } from "./probe.ts";

/**
 * CPU time that all threads of a process used between the last two snapshots, by the time that really went by between
 * them, in % of one core. A process has no value for the slot in which it was first seen: that one is not whole.
 */
export const processCpuProbe: Probe = {
  metric: "process_cpu",
  read(table, processes, take) {
    const { second, coveredSeconds, elapsedNs } = table;
    if (coveredSeconds <= 0 || elapsedNs <= 0) return;
    for (const { process, row } of processes) {
      if (row.usedNs !== undefined) take(process.id, second, row.usedNs / elapsedNs * 100, coveredSeconds);
    }
  },
};
