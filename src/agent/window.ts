import type { HttpCounts, Slot } from "../model/cause.ts";

const EMPTY = 0;
const VALUE = 1;
const PARTIAL = 2;
const slotStates: readonly Slot["state"][] = ["empty", "value", "partial"];

/**
 * The last seconds of one series: a ring of one-second slots. It has no clock: slots are whole seconds of CLOCK_BOOTTIME
 * that the caller names, and only the caller moves it on. A slot holds what it was last given; one never written is
 * empty, which is not zero. Values are kept in 32 bits.
 */
export class Window {
  #values: Float32Array<ArrayBuffer>;
  #states: Uint8Array<ArrayBuffer>;
  /** Of each slot: requests, errors, pending. */
  #counts: Uint32Array<ArrayBuffer> | undefined;
  #newestSecond = -1;
  #dropped = 0;

  /** @param counted Whether slots also keep the counts that an HTTP value was made of. */
  constructor(lengthSeconds: number, counted = false) {
    if (!Number.isInteger(lengthSeconds) || lengthSeconds < 1) {
      throw new RangeError(`Cannot make a window of ${lengthSeconds} seconds: use a whole number from 1`);
    }
    this.#values = new Float32Array(lengthSeconds);
    this.#states = new Uint8Array(lengthSeconds);
    this.#counts = counted ? new Uint32Array(3 * lengthSeconds) : undefined;
  }

  get lengthSeconds(): number {
    return this.#values.length;
  }

  /** Newest second the window has reached, -1 before the first. */
  get newestSecond(): number {
    return this.#newestSecond;
  }

  /** Writes refused because their second had left the window, or their value was no finite number of at least 0. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Memory of the slots. */
  get bytes(): number {
    return windowBytes(this.#values.length, this.#counts !== undefined);
  }

  /**
   * Puts a value into the slot of `second`. A second ahead moves the window there; one behind lands in its own slot, or is
   * dropped and counted when it has left the window. Of two writes to one slot the last stays.
   */
  write(second: number, value: number, partial: boolean, counts?: HttpCounts): void {
    if (!(value >= 0 && value < Infinity) || second <= this.#newestSecond - this.#values.length) {
      this.#dropped++;
      return;
    }
    this.advance(second);
    this.#set(second, value, partial ? PARTIAL : VALUE);
    if (counts !== undefined) this.#setCounts(second, counts);
  }

  /** Moves the window on to `second`; the seconds it passes are empty. Never moves back. */
  advance(second: number): void {
    if (second <= this.#newestSecond) return;
    const length = this.#values.length;
    if (second - this.#newestSecond >= length) {
      this.#values.fill(0);
      this.#states.fill(EMPTY);
    } else {
      for (let passed = this.#newestSecond + 1; passed <= second; passed++) this.#set(passed, 0, EMPTY);
    }
    this.#newestSecond = second;
  }

  /**
   * Fills the slots `fromSecond` to `toSecond`, both included, with the mean of a counter that was read late, all partial.
   * Takes no longer than the window is long.
   */
  fillMean(fromSecond: number, toSecond: number, value: number, counts?: HttpCounts): void {
    const oldest = Math.max(toSecond, this.#newestSecond) - this.#values.length + 1;
    if (toSecond < oldest) this.#dropped++;
    for (let second = Math.max(fromSecond, oldest); second <= toSecond; second++) {
      this.write(second, value, true, counts);
    }
  }

  /** Makes it longer or shorter and keeps the newest slots that fit. */
  resize(lengthSeconds: number): void {
    if (lengthSeconds === this.#values.length) return;
    const old = this.slots(this.#newestSecond, this.#values.length);
    const resized = new Window(lengthSeconds, this.#counts !== undefined);
    this.#values = resized.#values;
    this.#states = resized.#states;
    this.#counts = resized.#counts;
    for (const [index, slot] of old.slice(-lengthSeconds).reverse().entries()) {
      if (slot.state === "empty") continue;
      this.#set(this.#newestSecond - index, slot.value, slotStates.indexOf(slot.state));
      if (slot.counts !== undefined) this.#setCounts(this.#newestSecond - index, slot.counts);
    }
  }

  /**
   * Counts the slots of the `periodSeconds` that end with `lastSecond`, included, whose value is at or over `threshold`,
   * which must be above 0. Seconds outside the window are empty. Allocates nothing.
   */
  countAtLeast(threshold: number, lastSecond: number, periodSeconds: number): number {
    const values = this.#values;
    const length = values.length;
    const last = Math.min(lastSecond, this.#newestSecond);
    const first = Math.max(lastSecond - periodSeconds, this.#newestSecond - length, -1) + 1;
    if (first > last) return 0;
    // Values were rounded to 32 bits, so is the threshold; empty slots hold 0, which must stay below it.
    const limit = Math.fround(threshold) || Number.MIN_VALUE;
    const end = last % length + 1;
    const start = first % length;
    if (start < end) return countFrom(values, start, end, limit);
    return countFrom(values, start, length, limit) + countFrom(values, 0, end, limit);
  }

  /** The `periodSeconds` slots that end with `lastSecond`, oldest first; seconds outside the window are empty. */
  slots(lastSecond: number, periodSeconds: number): Slot[] {
    const slots: Slot[] = [];
    for (let second = lastSecond - periodSeconds + 1; second <= lastSecond; second++) {
      const inside = second >= 0 && second <= this.#newestSecond &&
        second > this.#newestSecond - this.#values.length;
      const index = inside ? second % this.#values.length : -1;
      const state = slotStates[this.#states[index] ?? EMPTY] ?? "empty";
      const counts = state === "empty" ? undefined : this.#countsAt(index);
      slots.push({ state, value: this.#values[index] ?? 0, ...(counts === undefined ? {} : { counts }) });
    }
    return slots;
  }

  #setCounts(second: number, { requests, errors, pending }: HttpCounts): void {
    this.#counts?.set([requests, errors, pending], 3 * (second % this.#values.length));
  }

  #countsAt(index: number): HttpCounts | undefined {
    const counts = this.#counts;
    if (counts === undefined) return undefined;
    const [requests = 0, errors = 0, pending = 0] = counts.subarray(3 * index, 3 * index + 3);
    return { requests, errors, pending };
  }

  #set(second: number, value: number, state: number): void {
    const index = second % this.#values.length;
    if (index < 0) return;
    this.#values[index] = value;
    this.#states[index] = state;
  }
}

/** Memory of the slots of a window: four bytes of value and one of state a second, and twelve of counts where they are kept. */
export function windowBytes(lengthSeconds: number, counted = false): number {
  return lengthSeconds * (counted ? 17 : 5);
}

function countFrom(values: Float32Array, start: number, end: number, limit: number): number {
  let count = 0;
  for (let index = start; index < end; index++) {
    if (values[index]! >= limit) count++;
  }
  return count;
}
