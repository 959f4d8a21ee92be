import { create } from "@bufbuild/protobuf";
import { type MetricColumns, MetricColumnsSchema } from "../gen/stakeout/v1/agent_service_pb.ts";
import { SeriesSchema } from "../gen/stakeout/v1/process_pb.ts";
import { seriesVariant } from "../model/series.ts";
import { type UnixMs, wireSlotStates } from "./wire.ts";
import type { WindowSet } from "./window_set.ts";

/** Longest stretch in one record: what a stalled agent has to catch up with. */
export const maxColumnSeconds = 60;

/**
 * Makes one record of the slots `fromSecond` to `toSecond`, both included, of all windows; undefined when all are
 * empty. Seconds that left a window shorter than the stretch are empty.
 */
export function readMetricColumns(
  windows: WindowSet,
  fromSecond: number,
  toSecond: number,
  unixMs: UnixMs,
): MetricColumns | undefined {
  const seconds = toSecond - fromSecond + 1;
  const columns = create(MetricColumnsSchema, {
    startUnixMs: BigInt(Math.round(unixMs(fromSecond * 1e9) / 1000) * 1000),
    seconds,
  });
  const states: number[] = [];
  for (const processId of windows.processIds()) {
    for (const { rule, uri, window } of windows.seriesOf(processId)) {
      const slots = window.slots(toSecond, seconds);
      if (slots.every(({ state }) => state === "empty")) continue;
      columns.series.push(
        create(SeriesSchema, { processId, metric: rule.metric, uri, variant: seriesVariant(rule) }),
      );
      for (const { state, value } of slots) {
        columns.values.push(value);
        states.push(wireSlotStates[state]);
      }
    }
  }
  columns.states = Uint8Array.from(states);
  return columns.series.length === 0 ? undefined : columns;
}
