import { errno, libc } from "./syscall.ts";
import { errnoName } from "./errno_name.ts";

const CLOCK_REALTIME = 0;
const CLOCK_BOOTTIME = 7;
const NS_PER_SECOND = 1_000_000_000n;
/** Of so many readings of both clocks the one with the least time between is used. */
const OFFSET_TRIES = 5;
const timespec = new BigInt64Array(2);

/**
 * Reads CLOCK_BOOTTIME: nanoseconds since boot, with the time the machine slept.
 *
 * Limits: exact to the nanosecond for 104 days of uptime, then to 2 ns (2^53).
 */
export function bootNs(): number {
  return Number(readClockNs(CLOCK_BOOTTIME));
}

/** Turns times of CLOCK_BOOTTIME, the one clock everything is measured on, into wall time, by an offset measured now and then. */
export class KernelClock {
  #offsetNs = 0n;

  constructor() {
    this.measureOffset();
  }

  bootNs(): number {
    return bootNs();
  }

  /** Returns the wall time, in milliseconds since 1970 UTC, of a moment on CLOCK_BOOTTIME, by the last measured offset. */
  unixMs(atBootNs: number): number {
    return Number((BigInt(Math.round(atBootNs)) + this.#offsetNs) / 1_000_000n);
  }

  /** The same in microseconds. */
  unixUs(atBootNs: number): bigint {
    return (BigInt(Math.round(atBootNs)) + this.#offsetNs) / 1_000n;
  }

  /** Measures the offset between the clocks anew: wall time may have been set meanwhile. */
  measureOffset(): void {
    let leastNs = 1n << 62n;
    for (let attempt = 0; attempt < OFFSET_TRIES; attempt++) {
      const before = readClockNs(CLOCK_BOOTTIME);
      const wall = readClockNs(CLOCK_REALTIME);
      const after = readClockNs(CLOCK_BOOTTIME);
      if (after - before >= leastNs) continue;
      leastNs = after - before;
      this.#offsetNs = wall - (before + after) / 2n;
    }
  }
}

function readClockNs(clock: number): bigint {
  if (libc().clock_gettime(clock, timespec) !== 0) {
    throw new Error(`Cannot read clock ${clock}: ${errnoName(errno())}`);
  }
  return timespec[0]! * NS_PER_SECOND + timespec[1]!;
}
