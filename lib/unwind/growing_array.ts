const firstLength = 1024;

/** Numbers of 32 bits that are appended one by one, in memory of at most twice their size. */
export class GrowingArray {
  length = 0;
  #values = new Uint32Array(firstLength);

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  /** 0 outside. */
  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  /** A copy of its own size. */
  finish(): Uint32Array<ArrayBuffer> {
    return this.#values.slice(0, this.length);
  }
}
