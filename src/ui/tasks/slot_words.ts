import type { Cause } from "../../gen/stakeout/v1/task_pb.ts";
import { isMetricName, metrics } from "../../model/metric.ts";
import { formatCount, formatValue } from "../format.ts";
import { formatLocalClock } from "../time.ts";
import type { SlotBar } from "./slot_bars.ts";

/** Whether the slots of a cause say what they were made of: those of SkyWalking's agents do not. */
export function hasCounts({ metric, slots }: Cause): boolean {
  return isMetricName(metric) && metrics[metric].http &&
    slots.some(({ requests, pending }) => requests + pending > 0);
}

/** Wall time at which a slot of a window began, Unix milliseconds. */
export function slotStartMs(cause: Cause, index: number): number {
  return Number(cause.atUnixMs) - (cause.slots.length - index) * 1000;
}

/** One bar of a window: `12:30:07: 14 %, 7 errors in 50 requests, counted`. */
export function barWords(cause: Cause, bar: SlotBar): string {
  const at = formatLocalClock(slotStartMs(cause, bar.first));
  const when = bar.slots === 1
    ? at
    : `${at} to ${formatLocalClock(slotStartMs(cause, bar.first + bar.slots - 1))}`;
  if (bar.empty) return `${when}: no value observed, which is not zero`;
  const most = bar.slots === 1 ? "" : "at most ";
  return [
    `${when}: ${most}${formatValue(cause.metric, bar.value)}`,
    ...hasCounts(cause) ? [countWords(bar)] : [],
    ...bar.counted ? ["counted"] : [],
    ...bar.partial ? ["partial: a mean over several seconds"] : [],
  ].join(", ");
}

/** `7 errors in 50 requests, 2 in flight too long`. */
export function countWords(
  { requests, errors, pending }: Pick<SlotBar, "requests" | "errors" | "pending">,
): string {
  const all = `${formatCount(requests)} ${requests === 1 ? "request" : "requests"}`;
  const failed = errors === 0 ? all : `${formatCount(errors)} ${errors === 1 ? "error" : "errors"} in ${all}`;
  return pending === 0 ? failed : `${failed}, ${formatCount(pending)} in flight too long`;
}
