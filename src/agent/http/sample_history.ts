/** Of the requests of a stretch, how many were looked at. */
export interface SampleShare {
  readonly requests: number;
  readonly looked: number;
  /** Samples that were taken and did not come, or came too many to be matched in time. */
  readonly lost: number;
}

/** How many requests were looked at in each of the last seconds: what a rule with a regular expression knows of. */
export class SampleHistory {
  readonly #values: Float64Array<ArrayBuffer>;
  readonly #seconds: Float64Array<ArrayBuffer>;

  constructor(lengthSeconds: number) {
    this.#values = new Float64Array(3 * lengthSeconds);
    this.#seconds = new Float64Array(lengthSeconds).fill(-1);
  }

  get lengthSeconds(): number {
    return this.#seconds.length;
  }

  /** Puts one second, of CLOCK_BOOTTIME, in place of the one that was there. */
  write(second: number, { requests, looked, lost }: SampleShare): void {
    const index = second % this.#seconds.length;
    this.#seconds[index] = second;
    this.#values.set([requests, looked, lost], 3 * index);
  }

  /** Sum of the `periodSeconds` that end with `lastSecond`, included; at most what it is long. */
  sum(lastSecond: number, periodSeconds: number): SampleShare {
    let [requests, looked, lost] = [0, 0, 0];
    const first = lastSecond - Math.min(periodSeconds, this.#seconds.length) + 1;
    for (let second = Math.max(0, first); second <= lastSecond; second++) {
      const index = second % this.#seconds.length;
      if (this.#seconds[index] !== second) continue;
      requests += this.#values[3 * index]!;
      looked += this.#values[3 * index + 1]!;
      lost += this.#values[3 * index + 2]!;
    }
    return { requests, looked, lost };
  }
}
