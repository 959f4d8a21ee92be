import type { ByteSource } from "./byte_source.ts";

const windowBytes = 16 * 1024;
const decoder = new TextDecoder();

/** Steps that several cursors share. */
export interface StepBudget {
  left: number;
}

/**
 * Reads numbers and text out of untrusted bytes, little endian, through a window of 16 KiB.
 *
 * It never throws: what lies outside the source, or comes after the step budget is used up, reads as 0, "" or undefined,
 * and `failed` stays true from then on, so that a parser may check once at the end of a record.
 *
 * Limits: one step a call and one more for every 4 KiB read; lengths are checked before anything is allocated.
 *
 * @example
 * ```ts
 * import { Cursor } from "./cursor.ts";
 * import { MemorySource } from "./memory_source.ts";
 * const cursor = new Cursor(new MemorySource(new Uint8Array([1, 2, 0, 0])), 100);
 * const value = cursor.u16(0);
 * if (value !== 513 || cursor.u32(2) !== 0 || !cursor.failed) throw new Error("unexpected");
 * ```
 */
export class Cursor {
  readonly #source: ByteSource;
  readonly #budget: StepBudget;
  #failed = false;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #windowStart = 0;

  constructor(source: ByteSource, stepBudget: number | StepBudget) {
    this.#source = source;
    this.#budget = typeof stepBudget === "number" ? { left: stepBudget } : stepBudget;
  }

  get failed(): boolean {
    return this.#failed;
  }

  get sizeBytes(): number {
    return this.#source.sizeBytes;
  }

  u8(at: number): number {
    const position = this.#reach(at, 1);
    return position < 0 ? 0 : this.#window.getUint8(position);
  }

  u16(at: number): number {
    const position = this.#reach(at, 2);
    return position < 0 ? 0 : this.#window.getUint16(position, true);
  }

  u32(at: number): number {
    const position = this.#reach(at, 4);
    return position < 0 ? 0 : this.#window.getUint32(position, true);
  }

  /** 64 bits as a double: exact below 2^53, which `Number.isSafeInteger` tells. */
  u64(at: number): number {
    const position = this.#reach(at, 8);
    if (position < 0) return 0;
    return this.#window.getUint32(position + 4, true) * 0x1_0000_0000 +
      this.#window.getUint32(position, true);
  }

  /** Exactly `length` bytes, valid for as long as the source's own; undefined when they are not all there. */
  bytes(at: number, length: number): Uint8Array | undefined {
    if (!this.#check(at, length)) return undefined;
    const bytes = this.#source.readAt(at, length);
    if (bytes.length === length) return bytes;
    this.#failed = true;
    return undefined;
  }

  /** Text up to a NUL, cut at `maxBytes` or the end of the source; bytes that are not UTF-8 become U+FFFD. */
  text(at: number, maxBytes: number): string {
    const length = Math.min(maxBytes, this.sizeBytes - at);
    if (!this.#check(at, Math.max(length, 0))) return "";
    let bytes = this.#source.readAt(at, Math.min(length, 256));
    let end = bytes.indexOf(0);
    if (end < 0 && length > 256) {
      bytes = this.#source.readAt(at, length);
      end = bytes.indexOf(0);
    }
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** Counts steps of work that reads nothing. */
  spend(steps: number): void {
    this.#budget.left -= steps;
    if (this.#budget.left < 0) this.#failed = true;
  }

  /** Bytes from `at` to the next zero, or to the end of the source. */
  lengthToZero(at: number): number {
    for (let from = at; from < this.sizeBytes;) {
      const position = this.#reach(from, 1);
      if (position < 0) break;
      const { buffer, byteOffset, byteLength } = this.#window;
      const end = new Uint8Array(buffer, byteOffset + position, byteLength - position).indexOf(0);
      if (end >= 0) return from - at + end;
      from += byteLength - position;
    }
    return Math.max(0, this.sizeBytes - at);
  }

  /** Position of `at` in the window after making sure that `length` bytes follow; -1 when they cannot. */
  #reach(at: number, length: number): number {
    if (!this.#check(at, length)) return -1;
    const position = at - this.#windowStart;
    if (position >= 0 && position + length <= this.#window.byteLength) return position;
    const bytes = this.#source.readAt(at, Math.min(windowBytes, this.sizeBytes - at));
    this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#windowStart = at;
    if (bytes.length >= length) return 0;
    this.#failed = true;
    return -1;
  }

  #check(at: number, length: number): boolean {
    const budget = this.#budget;
    budget.left -= length < 4096 ? 1 : 1 + Math.floor(length / 4096);
    const inside = Number.isSafeInteger(at) && at >= 0 && length >= 0 && at + length <= this.sizeBytes;
    if (budget.left < 0 || !inside) this.#failed = true;
    return budget.left >= 0 && inside;
  }
}
