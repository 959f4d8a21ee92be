import { layouts } from "../../gen/records.ts";
import type { EdgeCounts } from "./edge_counts.ts";

const { size, offsets } = layouts.network_edge_value;
const words = size / 4;
const slowWord = offsets.slow_ns / 4;

/**
 * Reads what BPF programs count of one edge, and says what was added since the last time; all of it, the first time.
 *
 * Source: struct network_edge_value in the mapped array `edges`. Plain loads: nothing is locked, and what passes meanwhile
 * may have its bytes in this interval and its messages in the next.
 */
export class EdgeCursor {
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #longs: BigUint64Array<ArrayBuffer>;
  readonly #before = new Uint32Array(words);
  readonly #longsBefore = new BigUint64Array(this.#before.buffer);

  /** @param edge Index of the edge in the kernel's array. */
  constructor(memory: ArrayBuffer, edge: number) {
    this.#words = new Uint32Array(memory, edge * size, words);
    this.#longs = new BigUint64Array(memory, edge * size, size / 8);
  }

  /** Index of the counters of the edge's HTTP; 0 while there is none. */
  get http(): number {
    return this.#words[offsets.http / 4]!;
  }

  /** The same of its DNS. */
  get dns(): number {
    return this.#words[offsets.dns / 4]!;
  }

  /** Has slower requests taken as samples of slow ones. */
  setSlow(latencyNs: number): void {
    Atomics.store(this.#longs, offsets.slow_ns / 8, BigInt(Math.round(latencyNs)));
  }

  /** Adds what came since the last call to `counts`; false when nothing did, and nothing is open. */
  addTo(counts: EdgeCounts): boolean {
    if (this.#isQuiet()) return false;
    counts.receivedBytes += this.#addedLong(offsets.received_bytes);
    counts.sentBytes += this.#addedLong(offsets.sent_bytes);
    counts.receivedMessages += this.#added(offsets.received_messages);
    counts.sentMessages += this.#added(offsets.sent_messages);
    counts.opened += this.#added(offsets.opened);
    counts.closedByLocal += this.#added(offsets.closed);
    counts.closedByRemote += this.#added(offsets.closed + 4);
    counts.closedByReset += this.#added(offsets.closed + 8);
    counts.closedByTimeout += this.#added(offsets.closed + 12);
    counts.open += Math.max(0, this.#words[offsets.open / 4]! | 0);
    this.#before[offsets.open / 4] = this.#words[offsets.open / 4]!;
    counts.connects += this.#added(offsets.connects);
    counts.connectsRefused += this.#added(offsets.connect_failures);
    counts.connectsTimedOut += this.#added(offsets.connect_failures + 4);
    counts.connectsFailed += this.#added(offsets.connect_failures + 8);
    counts.connectSumNs += this.#addedLong(offsets.connect_sum_ns);
    counts.connectMaxNs = Math.max(counts.connectMaxNs, Number(this.#take(offsets.connect_max_ns)));
    counts.resetsSent += this.#added(offsets.resets_sent);
    counts.resetsReceived += this.#added(offsets.resets_received);
    counts.retransmits += this.#added(offsets.retransmits);
    counts.rttSamples += this.#added(offsets.rtt_samples);
    counts.rttSumUs += this.#addedLong(offsets.rtt_sum_us);
    counts.rttMaxUs = Math.max(counts.rttMaxUs, Number(this.#take(offsets.rtt_max_us)));
    const leastInverse = this.#take(offsets.rtt_least_inverse);
    if (leastInverse !== 0n) {
      const leastUs = Number(BigInt.asUintN(64, ~leastInverse));
      counts.rttMinUs = counts.rttMinUs === 0 ? leastUs : Math.min(counts.rttMinUs, leastUs);
    }
    return true;
  }

  /** Nothing was added since the last call, and nothing is open. Of 4,000 edges nearly all are so. */
  #isQuiet(): boolean {
    for (let word = 0; word < offsets.http / 4; word++) {
      if (word !== slowWord && word !== slowWord + 1 && this.#words[word] !== this.#before[word]) {
        return false;
      }
    }
    return this.#words[offsets.open / 4] === 0;
  }

  #added(offset: number): number {
    const count = this.#words[offset / 4]!;
    const added = (count - this.#before[offset / 4]!) >>> 0;
    this.#before[offset / 4] = count;
    return added;
  }

  #addedLong(offset: number): number {
    const count = this.#longs[offset / 8]!;
    const added = BigInt.asUintN(64, count - this.#longsBefore[offset / 8]!);
    this.#longsBefore[offset / 8] = count;
    return Number(added);
  }

  /** What programs raise and we lower. */
  #take(offset: number): bigint {
    return Atomics.exchange(this.#longs, offset / 8, 0n);
  }
}
