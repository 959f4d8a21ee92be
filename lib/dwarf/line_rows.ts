const maxRows = 2_000_000;
/** Sequences that begin before an address and end before it, looked at before giving up. */
const maxStepsBack = 64;

/** Rows of a line program: where each place of the source begins in the code. */
export class LineRows {
  #addresses = new Float64Array(256);
  #files = new Uint32Array(256);
  #lines = new Uint32Array(256);
  #count = 0;
  /** Start, end, first row and the one behind the last, of each run of rising addresses; sorted when finished. */
  #sequences: [start: number, end: number, first: number, last: number][] = [];
  #first = 0;
  #rising = true;

  /** Memory that the rows take. */
  get bytes(): number {
    return this.#addresses.length * 16 + this.#sequences.length * 64;
  }

  /** False when there is no room for more. */
  add(address: number, file: number, line: number): boolean {
    if (this.#count === maxRows) return false;
    if (this.#count === this.#addresses.length) this.#grow();
    if (this.#count > this.#first && address < this.#addresses[this.#count - 1]!) this.#rising = false;
    this.#addresses[this.#count] = address;
    this.#files[this.#count] = file;
    this.#lines[this.#count] = line;
    this.#count++;
    return true;
  }

  /** Ends a run; one that does not rise, or begins at 0 as thrown-away code does, is dropped. */
  endSequence(end: number): void {
    const start = this.#addresses[this.#first]!;
    const valid = this.#rising && this.#count > this.#first && start > 0 && end > start;
    if (valid) this.#sequences.push([start, end, this.#first, this.#count]);
    else this.#count = this.#first;
    this.#first = this.#count;
    this.#rising = true;
  }

  /** To be called once after all rows. */
  finish(): void {
    this.#sequences.sort(([one], [two]) => one - two);
  }

  /** File and line of the code at an address. */
  find(address: number): { file: number; line: number } | undefined {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sequences[middle]![0] <= address) low = middle + 1;
      else high = middle;
    }
    for (let position = low - 1; position >= Math.max(0, low - maxStepsBack); position--) {
      const [, end, first, last] = this.#sequences[position]!;
      if (address < end) return this.#rowAt(address, first, last);
    }
    return undefined;
  }

  #rowAt(address: number, first: number, last: number): { file: number; line: number } {
    let low = first;
    let high = last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return { file: this.#files[low - 1]!, line: this.#lines[low - 1]! };
  }

  #grow(): void {
    this.#addresses = copyInto(new Float64Array(this.#count * 2), this.#addresses);
    this.#files = copyInto(new Uint32Array(this.#count * 2), this.#files);
    this.#lines = copyInto(new Uint32Array(this.#count * 2), this.#lines);
  }
}

function copyInto<Column extends Float64Array | Uint32Array>(target: Column, source: Column): Column {
  target.set(source);
  return target;
}
