import type { Probe } from "./probe.ts";

/** Threads of a process when the snapshot was taken. Slots of missed ticks stay empty. */
export const threadCountProbe: Probe = {
  metric: "process_thread_count",
  read(table, processes, take) {
    if (table.coveredSeconds <= 0) return;
    for (const { process, row } of processes) take(process.id, table.second, row.threads, 1);
  },
};
