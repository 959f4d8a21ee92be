/** Points of one series ready to draw. */
export interface PointColumns {
  /** Starts of the buckets, Unix seconds, ascending; buckets without a value are absent. */
  readonly atSeconds: number[];
  readonly min: number[];
  readonly max: number[];
  readonly mean: number[];
}

/** Joins slots or summaries into buckets of equal length. */
export class PointBuckets {
  readonly #from: number;
  readonly #to: number;
  readonly #step: number;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #sum: Float64Array;
  readonly #count: Float64Array;

  /** Covers `fromSecond` up to but without `toSecond`, both multiples of `stepSeconds`. */
  constructor(fromSecond: number, toSecond: number, stepSeconds: number) {
    const size = Math.max(0, Math.ceil((toSecond - fromSecond) / stepSeconds));
    this.#from = fromSecond;
    this.#to = toSecond;
    this.#step = stepSeconds;
    this.#min = new Float64Array(size).fill(Infinity);
    this.#max = new Float64Array(size).fill(-Infinity);
    this.#sum = new Float64Array(size);
    this.#count = new Float64Array(size);
  }

  /** Adds `count` slots that began at `second`; what lies outside is left out. */
  add(second: number, min: number, max: number, mean: number, count: number): void {
    if (second < this.#from || second >= this.#to) return;
    const index = Math.floor((second - this.#from) / this.#step);
    this.#min[index] = Math.min(this.#min[index] ?? Infinity, min);
    this.#max[index] = Math.max(this.#max[index] ?? -Infinity, max);
    this.#sum[index]! += mean * count;
    this.#count[index]! += count;
  }

  /** The buckets that hold anything. */
  columns(): PointColumns {
    const columns: PointColumns = { atSeconds: [], min: [], max: [], mean: [] };
    for (let index = 0; index < this.#count.length; index++) {
      const count = this.#count[index] ?? 0;
      if (count === 0) continue;
      columns.atSeconds.push(this.#from + index * this.#step);
      columns.min.push(this.#min[index] ?? 0);
      columns.max.push(this.#max[index] ?? 0);
      columns.mean.push((this.#sum[index] ?? 0) / count);
    }
    return columns;
  }
}
