import { type Cause, SlotState } from "../../gen/stakeout/v1/task_pb.ts";

/** One bar of a window: one slot, or several joined by their highest value where there is no room for each. */
export interface SlotBar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  /** No slot of it was observed. Not zero. */
  readonly empty: boolean;
  /** Reached the threshold. */
  readonly counted: boolean;
  readonly partial: boolean;
  readonly value: number;
  /** Of HTTP metrics: what its slots were made of, added up; requests in flight are the most of any. */
  readonly requests: number;
  readonly errors: number;
  readonly pending: number;
  /** Index of its first slot and how many it joins. */
  readonly first: number;
  readonly slots: number;
}

/** Places the bars of a window and its threshold's line, in pixels, origin top left. */
export function slotBars(
  cause: Cause,
  size: { width: number; height: number; mostBars: number },
): { bars: SlotBar[]; lineY: number; highest: number } {
  const perBar = Math.max(1, Math.ceil(cause.slots.length / size.mostBars));
  const count = Math.ceil(cause.slots.length / perBar);
  const step = size.width / Math.max(1, count);
  const highest = cause.slots.reduce((most, slot) => Math.max(most, slot.value), cause.threshold) * 1.08 || 1;
  const toY = (value: number) => size.height - (value / highest) * size.height;
  const bars: SlotBar[] = [];
  for (let index = 0; index < count; index++) {
    const first = index * perBar;
    const slots = cause.slots.slice(first, first + perBar);
    const seen = slots.filter(({ state }) => state !== SlotState.UNSPECIFIED);
    const value = seen.reduce((most, slot) => Math.max(most, slot.value), 0);
    bars.push({
      x: index * step,
      y: Math.min(toY(value), size.height - 1),
      width: step < 4 ? step : step - 1.5,
      empty: seen.length === 0,
      counted: seen.length > 0 && value >= cause.threshold,
      partial: seen.some(({ state }) => state === SlotState.PARTIAL),
      value,
      requests: seen.reduce((sum, slot) => sum + slot.requests, 0),
      errors: seen.reduce((sum, slot) => sum + slot.errors, 0),
      pending: seen.reduce((most, slot) => Math.max(most, slot.pending), 0),
      first,
      slots: slots.length,
    });
  }
  return { bars, lineY: toY(cause.threshold), highest };
}
