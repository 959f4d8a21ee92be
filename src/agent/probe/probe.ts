import type { MetricName } from "../../model/metric.ts";
import type { LiveProcess } from "../discovery.ts";
import type { ProcessTable } from "../process_table.ts";

/**
 * Takes one sample: the value of a metric in the slot `second`, [second, second + 1) on CLOCK_BOOTTIME, in the metric's
 * own unit. `processId` is "" for a metric of the host. `coveredSeconds` over 1 says that ticks were missed and the
 * value is the mean over so many slots up to and with `second`: to be filled in and marked partial.
 */
export type TakeSample = (processId: string, second: number, value: number, coveredSeconds: number) => void;

/** Reads one metric once a second, from the snapshot just taken. */
export interface Probe {
  readonly metric: MetricName;
  /** Gives the samples of the slot that the table's last snapshot closed; none when it closed none. */
  read(table: ProcessTable, processes: Iterable<LiveProcess>, take: TakeSample): void;
}
