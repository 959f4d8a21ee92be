import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NetworkTrafficSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { layouts } from "../../gen/records.ts";

const { size, offsets } = layouts.network_edge_value;
const words = size / 4;
const slowWord = offsets.slow_ns / 4;
const u32Max = 0xffff_ffff;

/** What passed over an edge in one interval, without its requests. */
export type EdgeTraffic = MessageInitShape<typeof NetworkTrafficSchema> & {
  readonly receivedMessages: bigint;
  readonly sentMessages: bigint;
  readonly opened: number;
};

/**
 * Reads what BPF programs count of one edge, and says what was added since the last time; all of it, the first time.
 *
 * Source: struct network_edge_value in the mapped array `edges`. Plain loads: nothing is locked, and what passes meanwhile
 * may have its bytes in this interval and its messages in the next.
 */
export class EdgeCursor {
  /** Index of the edge. */
  readonly edge: number;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #longs: BigUint64Array<ArrayBuffer>;
  readonly #before = new Uint32Array(words);
  readonly #longsBefore = new BigUint64Array(this.#before.buffer);

  constructor(memory: ArrayBuffer, edge: number) {
    this.edge = edge;
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

  /** Returns what was added since the last call; undefined when nothing was, and nothing is open. */
  read(): EdgeTraffic | undefined {
    if (this.#isQuiet()) return undefined;
    const rttLeastInverse = this.#take(offsets.rtt_least_inverse);
    const open = this.#words[offsets.open / 4]! | 0;
    this.#before[offsets.open / 4] = open;
    const traffic = {
      edge: this.edge,
      receivedBytes: this.#addedLong(offsets.received_bytes),
      sentBytes: this.#addedLong(offsets.sent_bytes),
      receivedMessages: BigInt(this.#added(offsets.received_messages)),
      sentMessages: BigInt(this.#added(offsets.sent_messages)),
      opened: this.#added(offsets.opened),
      closedByLocal: this.#added(offsets.closed),
      closedByRemote: this.#added(offsets.closed + 4),
      closedByReset: this.#added(offsets.closed + 8),
      closedByTimeout: this.#added(offsets.closed + 12),
      open: Math.max(0, open),
      connects: this.#added(offsets.connects),
      connectSumNs: this.#addedLong(offsets.connect_sum_ns),
      connectMaxNs: this.#take(offsets.connect_max_ns),
      connectsRefused: this.#added(offsets.connect_failures),
      connectsTimedOut: this.#added(offsets.connect_failures + 4),
      connectsFailed: this.#added(offsets.connect_failures + 8),
      resetsSent: this.#added(offsets.resets_sent),
      resetsReceived: this.#added(offsets.resets_received),
      retransmits: this.#added(offsets.retransmits),
      rttSamples: this.#added(offsets.rtt_samples),
      rttSumUs: this.#addedLong(offsets.rtt_sum_us),
      rttMinUs: rttLeastInverse === 0n ? 0 : Number(BigInt.asUintN(64, ~rttLeastInverse) & BigInt(u32Max)),
      rttMaxUs: Number(this.#take(offsets.rtt_max_us)),
    };
    return traffic;
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

  #addedLong(offset: number): bigint {
    const count = this.#longs[offset / 8]!;
    const added = BigInt.asUintN(64, count - this.#longsBefore[offset / 8]!);
    this.#longsBefore[offset / 8] = count;
    return added;
  }

  /** What programs raise and we lower. */
  #take(offset: number): bigint {
    return Atomics.exchange(this.#longs, offset / 8, 0n);
  }
}
