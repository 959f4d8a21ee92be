import type { DwarfSections } from "./dwarf_sections.ts";
import { readRanges, skipUnit, type Unit } from "./unit.ts";

const maxUnits = 131_072;
const maxStepsBack = 256;

/** All units of a file: where each begins, and which one has the code of an address. */
export class UnitIndex {
  readonly #starts: readonly number[];
  /** Range start, range end, unit; in order of the start. */
  readonly #ranges: readonly (readonly [number, number, number])[];
  readonly #reach: Float64Array;

  private constructor(starts: number[], ranges: [number, number, number][]) {
    this.#starts = starts;
    this.#ranges = ranges.sort(([one], [two]) => one - two);
    this.#reach = new Float64Array(ranges.length);
    let reach = 0;
    ranges.forEach(([, end], position) => this.#reach[position] = reach = Math.max(reach, end));
  }

  /** Reads the first entry of every unit. Limits: 131,072 units. */
  static read(sections: DwarfSections, readUnit: (start: number) => Unit | undefined): UnitIndex {
    const starts: number[] = [];
    const ranges: [number, number, number][] = [];
    const end = sections.sizeOf("info");
    for (let start = 0; start < end && starts.length < maxUnits && sections.steps.left > 0;) {
      starts.push(start);
      const unit = readUnit(start);
      if (unit !== undefined) {
        for (const range of readRanges(sections, unit, unit.root)) {
          ranges.push([range.start, range.end, start]);
        }
      }
      start = skipUnit(sections, start);
    }
    return new UnitIndex(starts, ranges);
  }

  /** Where the unit that has the code of an address begins. */
  find(address: number): number | undefined {
    const after = countUpTo(this.#ranges.length, (position) => this.#ranges[position]![0] <= address);
    for (let position = after - 1, steps = 0; position >= 0 && steps < maxStepsBack; position--, steps++) {
      if (this.#reach[position]! <= address) return undefined;
      if (this.#ranges[position]![1] > address) return this.#ranges[position]![2];
    }
    return undefined;
  }

  /** Where the unit around a place of .debug_info begins. */
  around(at: number): number | undefined {
    return this.#starts[countUpTo(this.#starts.length, (position) => this.#starts[position]! <= at) - 1];
  }
}

/** How many of sorted things, from the first, are so. */
function countUpTo(length: number, isBefore: (position: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
