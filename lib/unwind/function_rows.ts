import { GrowingArray } from "./growing_array.ts";

const maxFunctions = 1 << 20;
const maxRows = 4 << 20;

/**
 * The rows of functions in the order in which a file describes them.
 *
 * Units: offsets from the table's first address, below 2^32. Limits: 2^20 functions, 2^22 rows.
 */
export class FunctionRows {
  /** Of each function: where it begins, ends, and its first row; the next function's first row is its end. */
  readonly starts = new GrowingArray();
  readonly ends = new GrowingArray();
  readonly firstRows = new GrowingArray();
  readonly offsets = new GrowingArray();
  readonly ruleNumbers = new GrowingArray();

  get isFull(): boolean {
    return this.starts.length >= maxFunctions || this.offsets.length >= maxRows;
  }

  begin(start: number, end: number): void {
    this.starts.push(start);
    this.ends.push(end);
    this.firstRows.push(this.offsets.length);
  }

  /** A row of the function that was begun last; nothing more once it is full. */
  add(offset: number, ruleNumber: number): void {
    if (this.offsets.length >= maxRows) return;
    this.offsets.push(offset);
    this.ruleNumbers.push(ruleNumber);
  }

  /** The functions by where they begin; of those with the same beginning the one described first comes first. */
  sorted(): Uint32Array {
    // Both fit a double: 32 bits of address, 20 of index; numbers sort natively.
    const keys = Float64Array.from(
      { length: this.starts.length },
      (_, index) => this.starts.at(index) * maxFunctions + index,
    );
    return Uint32Array.from(keys.sort(), (key) => key % maxFunctions);
  }

  endRow(index: number): number {
    return index + 1 < this.firstRows.length ? this.firstRows.at(index + 1) : this.offsets.length;
  }
}
