import { bootNs } from "../../../lib/sys/kernel_clock.ts";

/**
 * When the next of a row of regular calls is due, in ms of `performance.now()`: at the next whole multiple of `everyMs` of
 * CLOCK_BOOTTIME. So calls go together, and with the meters: of four at once each costs half of what it costs alone.
 */
export function nextDueMs(everyMs: number): number {
  return performance.now() + everyMs - bootNs() / 1e6 % everyMs;
}
