import { readLoadAverage } from "../../../lib/procfs/load_average.ts";
import type { Probe } from "./probe.ts";

/** The host's 1-minute load average when the tick was due. Slots of missed ticks stay empty. */
export const systemLoadProbe: Probe = {
  metric: "system_load",
  read(table, _processes, take) {
    const load = table.coveredSeconds > 0 ? readLoadAverage() : undefined;
    if (load !== undefined) take("", table.second, load, 1);
  },
};
