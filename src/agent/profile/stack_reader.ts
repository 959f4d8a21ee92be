import type { BpfMap } from "../../../lib/bpf/map.ts";
import type { BpfObject } from "../../../lib/bpf/object.ts";
import { RingBuffer } from "../../../lib/bpf/ring_buffer.ts";
import { decodeThreadEvent, layouts } from "../../gen/records.ts";
import { StackEnd } from "../../gen/stakeout/v1/profile_pb.ts";
import { sumOverCpus } from "./sum_over_cpus.ts";

/** `kind` of a struct thread_event; stacks have 1 (user) and 2 (kernel). */
const threadKind = 3;
const stackEvent = layouts.stack_event.offsets;
const counterLayout = layouts.stack_counters_value;
/** In the order of enum unwind_outcome of bpf/unwind.h. */
const ends = [
  ...[StackEnd.WHOLE, StackEnd.NO_TABLE, StackEnd.BAD_MEMORY, StackEnd.TOO_DEEP, StackEnd.OVER_BUDGET],
  ...[StackEnd.PENDING, StackEnd.FRAME_POINTERS],
];

/** Addresses of one sample's stacks, leaf first; filled in when the kernel has sent them. */
export interface StackFrames {
  /** Identifies the pair of stacks within the session. */
  readonly key: string;
  readonly kernel: BigUint64Array<ArrayBuffer>;
  readonly user: BigUint64Array<ArrayBuffer>;
  /** How the walk of the user stack ended. */
  readonly end: StackEnd;
  /** False while the frames of either stack have not come. */
  readonly complete: boolean;
}

/** A thread seen first, or one whose name changed. */
export interface SeenThread {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
}

/** Counts since the start, over all CPUs. */
export interface StackCounters {
  /** Samples whose stack was deeper than what is kept. */
  readonly truncated: number;
}

/** What a program that includes `stack.bpf.h` says of stacks and threads: the ring, and its counters. */
export class StackReader {
  readonly #ring: RingBuffer;
  readonly #counters: BpfMap;
  readonly #stacks = new Map<bigint, KnownStack>();
  readonly #pairs = new Map<string, StackFrames>();

  constructor(object: BpfObject) {
    this.#ring = new RingBuffer(object.map("stacks"));
    this.#counters = object.map("stack_counters");
  }

  /** Takes what came; read the counts of stacks before, so that the frames of all of them have been sent. */
  drain(): SeenThread[] {
    const threads: SeenThread[] = [];
    this.#ring.drain((view, offset) => this.#takeRecord(view, offset, threads));
    return threads;
  }

  /** The stacks with these hashes; their frames may come later. */
  pair(user: bigint, kernel: bigint): StackFrames {
    const key = pairKey(user, kernel);
    let pair = this.#pairs.get(key);
    if (pair === undefined) this.#pairs.set(key, pair = new PairedStacks(this.#stacks, user, kernel));
    return pair;
  }

  counters(): StackCounters {
    return { truncated: sumOverCpus(this.#counters, counterLayout, "truncated") };
  }

  close(): void {
    this.#ring.close();
  }

  #takeRecord(view: DataView<ArrayBuffer>, offset: number, threads: SeenThread[]): void {
    if (view.getUint32(offset, true) === threadKind) {
      const { tgid, tid, name } = decodeThreadEvent(view, offset);
      threads.push({ pid: tgid, tid, name });
      return;
    }
    const depth = view.getUint32(offset + stackEvent.depth, true);
    const addresses = new BigUint64Array(depth);
    for (let frame = 0; frame < depth; frame++) {
      addresses[frame] = view.getBigUint64(offset + stackEvent.addresses + 8 * frame, true);
    }
    const end = ends[view.getUint32(offset + stackEvent.outcome, true)] ?? StackEnd.UNSPECIFIED;
    this.#stacks.set(view.getBigUint64(offset + stackEvent.hash, true), { addresses, end });
  }
}

interface KnownStack {
  readonly addresses: BigUint64Array<ArrayBuffer>;
  readonly end: StackEnd;
}

const noFrames = new BigUint64Array(0);

/** A pair of stacks, whose addresses may come later than its first sample. A hash of 0 means that there is no stack. */
class PairedStacks implements StackFrames {
  readonly key: string;
  readonly #stacks: ReadonlyMap<bigint, KnownStack>;
  readonly #user: bigint;
  readonly #kernel: bigint;

  constructor(stacks: ReadonlyMap<bigint, KnownStack>, user: bigint, kernel: bigint) {
    this.key = pairKey(user, kernel);
    this.#stacks = stacks;
    this.#user = user;
    this.#kernel = kernel;
  }

  get kernel(): BigUint64Array<ArrayBuffer> {
    return this.#stacks.get(this.#kernel)?.addresses ?? noFrames;
  }

  get user(): BigUint64Array<ArrayBuffer> {
    return this.#stacks.get(this.#user)?.addresses ?? noFrames;
  }

  get end(): StackEnd {
    return this.#stacks.get(this.#user)?.end ?? StackEnd.UNSPECIFIED;
  }

  get complete(): boolean {
    return [this.#user, this.#kernel].every((hash) => hash === 0n || this.#stacks.has(hash));
  }
}

function pairKey(user: bigint, kernel: bigint): string {
  return `${user.toString(36)}.${kernel.toString(36)}`;
}
