import { slotsPerMinute } from "./minute_blob.ts";

/** The slots of all series within one minute, in memory until they are packed. */
export class MinuteTable {
  readonly minute: number;
  /** Entries of the journal that hold slots of this minute. */
  readonly journalIds: number[] = [];
  touchedAtMs = 0;
  readonly #rows = new Map<number, number>();
  #values = new Float32Array(slotsPerMinute * 16);
  #states = new Uint8Array(slotsPerMinute * 16);

  constructor(minute: number) {
    this.minute = minute;
  }

  /** Numbers of the series with at least one slot. */
  get series(): readonly number[] {
    return [...this.#rows.keys()];
  }

  /** Where `series` begins in the arrays that `write` takes; makes a row when there is none. */
  row(series: number): number {
    let row = this.#rows.get(series);
    if (row === undefined) {
      row = this.#rows.size;
      this.#rows.set(series, row);
      if ((row + 1) * slotsPerMinute > this.#values.length) this.#grow();
    }
    return row * slotsPerMinute;
  }

  /** Sets one slot; an empty one leaves what is there. */
  write(rowOffset: number, slot: number, value: number, state: number): void {
    if (state === 0) return;
    this.#values[rowOffset + slot] = value;
    this.#states[rowOffset + slot] = state;
  }

  /** Lays the slots of `series` over the given arrays of 60. */
  overlay(series: number, values: Float32Array, states: Uint8Array): void {
    const row = this.#rows.get(series);
    if (row === undefined) return;
    for (let slot = 0; slot < slotsPerMinute; slot++) {
      const state = this.#states[row * slotsPerMinute + slot];
      if (!state) continue;
      states[slot] = state;
      values[slot] = this.#values[row * slotsPerMinute + slot] ?? 0;
    }
  }

  #grow(): void {
    const values = new Float32Array(this.#values.length * 2);
    const states = new Uint8Array(this.#states.length * 2);
    values.set(this.#values);
    states.set(this.#states);
    this.#values = values;
    this.#states = states;
  }
}
