import type { ByteSource } from "../bytes/byte_source.ts";
import { hexDigit, LineReader } from "./line_reader.ts";

/** A larger file, or more lines than these, is read up to there. */
const maxFileBytes = 32 * 1024 * 1024;
const maxLines = 1_000_000;
const maxLineBytes = 4096;
const pieceBytes = 256 * 1024;
const maxNameBytes = 1024;
/** So many bytes at the begin and at the end of what was read tell whether it is still there. */
const checkedBytes = 4096;
/** Entries that start before an address and end before it, looked at before giving up. */
const maxStepsBack = 256;
const space = 32;
const decoder = new TextDecoder();

/**
 * The functions that a just-in-time compiler wrote down; code is thrown away and its place used again, so of entries
 * that overlap the newest counts.
 *
 * Source: perf-PID.map, `start size name`, both in hexadecimal.
 * Limits: 32 MiB, 1,000,000 lines of 4,096 bytes; names are cut at 1,024 bytes.
 */
export class PerfMap {
  readonly #source: ByteSource;
  readonly #lines = new LineReader(maxLineBytes);
  #head = new Uint8Array(0);
  #tail = new Uint8Array(0);
  #readBytes = 0;
  #count = 0;
  #starts = new Float64Array(256);
  #ends = new Float64Array(256);
  #names: string[] = [];
  /** Indexes by start, then age; of those lines that there were at the last lookup. */
  #order = new Uint32Array(0);
  #reach = new Float64Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#count;
  }

  /** True when there is more than is read of a map: the newest functions have no names then. */
  get isCut(): boolean {
    return this.#readBytes >= maxFileBytes || this.#count === maxLines;
  }

  /** False when the file was written anew, as a JVM does each time it is asked, and does not go on from what was read. */
  isContinued(sizeBytes: number): boolean {
    return sizeBytes >= this.#readBytes &&
      equalBytes(this.#head, this.#source.readAt(0, this.#head.length)) &&
      equalBytes(this.#tail, this.#source.readAt(this.#readBytes - this.#tail.length, this.#tail.length));
  }

  /** Reads what was appended since the last time, up to the size that the file now has. */
  readNew(sizeBytes: number): void {
    const end = Math.min(sizeBytes, maxFileBytes);
    while (this.#readBytes < end && this.#count < maxLines) {
      const piece = this.#source.readAt(this.#readBytes, Math.min(pieceBytes, end - this.#readBytes));
      if (piece.length === 0) return;
      if (this.#readBytes === 0) this.#head = piece.slice(0, checkedBytes);
      this.#readBytes += piece.length;
      this.#tail = piece.slice(-checkedBytes);
      this.#lines.push(piece, (bytes, from, to) => this.#addLine(bytes, from, to));
    }
  }

  /** Name of the newest code at an address. */
  find(address: number): string | undefined {
    if (this.#order.length < this.#count) this.#sortNew();
    const order = this.#order;
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[order[middle]!]! <= address) low = middle + 1;
      else high = middle;
    }
    let newest = -1;
    for (let position = low - 1, steps = 0; position >= 0 && steps < maxStepsBack; position--, steps++) {
      if (this.#reach[position]! <= address) break;
      const index = order[position]!;
      if (this.#ends[index]! > address) newest = Math.max(newest, index);
    }
    return newest < 0 ? undefined : this.#names[newest];
  }

  #addLine(bytes: Uint8Array, from: number, to: number): void {
    if (this.#count === maxLines) return;
    const start = readHex(bytes, from, to);
    const size = readHex(bytes, start.end + 1, to);
    const nameStart = size.end + 1;
    if (start.end >= to || size.end >= to || nameStart >= to || size.value === 0) return;
    if (bytes[start.end] !== space || bytes[size.end] !== space) return;
    if (!Number.isSafeInteger(start.value + size.value)) return;
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start.value;
    this.#ends[this.#count] = start.value + size.value;
    this.#names.push(decoder.decode(bytes.subarray(nameStart, Math.min(to, nameStart + maxNameBytes))));
    this.#count++;
  }

  #grow(): void {
    const starts = new Float64Array(this.#starts.length * 2);
    const ends = new Float64Array(this.#ends.length * 2);
    starts.set(this.#starts);
    ends.set(this.#ends);
    this.#starts = starts;
    this.#ends = ends;
  }

  /** Puts new lines among the others. Only they are sorted: a map grows all the time while it is looked up. */
  #sortNew(): void {
    const starts = this.#starts;
    const old = this.#order;
    const fresh = Uint32Array.from({ length: this.#count - old.length }, (_, index) => old.length + index);
    fresh.sort((left, right) => starts[left]! - starts[right]! || left - right);
    const order = new Uint32Array(this.#count);
    this.#reach = new Float64Array(this.#count);
    let reach = 0;
    for (let position = 0, oldAt = 0, freshAt = 0; position < order.length; position++) {
      const takeOld = oldAt < old.length &&
        (freshAt === fresh.length || starts[old[oldAt]!]! <= starts[fresh[freshAt]!]!);
      const index = takeOld ? old[oldAt++]! : fresh[freshAt++]!;
      order[position] = index;
      reach = Math.max(reach, this.#ends[index]!);
      this.#reach[position] = reach;
    }
    this.#order = order;
  }
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** A hexadecimal number with or without 0x, and where it ends; `end` is past `to` when there is none. */
function readHex(bytes: Uint8Array, from: number, to: number): { value: number; end: number } {
  let at = from;
  if (bytes[at] === 48 && (bytes[at + 1] === 120 || bytes[at + 1] === 88)) at += 2;
  const first = at;
  let value = 0;
  for (; at < to; at++) {
    const digit = hexDigit(bytes[at]!);
    if (digit < 0) break;
    value = value * 16 + digit;
  }
  return at === first || at - first > 16 ? { value: 0, end: to + 1 } : { value, end: at };
}
