import type { BpfMap } from "../../../lib/bpf/map.ts";
import type { BpfObject } from "../../../lib/bpf/object.ts";
import { RingBuffer } from "../../../lib/bpf/ring_buffer.ts";
import { decodeThreadEvent, layouts } from "../../gen/records.ts";
import { StackEnd } from "../../gen/stakeout/v1/profile_pb.ts";
import { pythonCodeKind, PythonCodes, type PythonFrame } from "../python/python_codes.ts";
import { sumOverCpus } from "./sum_over_cpus.ts";

/** `kind` of a struct thread_event; stacks have 1 (user) and 2 (kernel). */
const threadKind = 3;
const stackEvent = layouts.stack_event.offsets;
const counterLayout = layouts.stack_counters_value;
const pythonCounterLayout = layouts.python_counters_value;
/** Of samples with Python frames. */
const notedShare = 0.01;
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
  /** What the thread's Python runs, to be merged with the user's frames. */
  readonly python: readonly PythonFrame[];
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
  readonly #pythonCounters: BpfMap;
  readonly #codes = new PythonCodes();
  readonly #stacks = new Map<bigint, KnownStack>();
  readonly #pairs = new Map<string, StackFrames>();

  constructor(object: BpfObject) {
    this.#ring = new RingBuffer(object.map("stacks"));
    this.#counters = object.map("stack_counters");
    this.#pythonCounters = object.map("python_counters");
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
    if (pair === undefined) {
      this.#pairs.set(key, pair = new PairedStacks(this.#stacks, this.#codes, user, kernel));
    }
    return pair;
  }

  counters(): StackCounters {
    return { truncated: sumOverCpus(this.#counters, counterLayout, "truncated") };
  }

  /** What was lost of Python frames so far, in words; "" when hardly anything: a frame that is being made cannot be read. */
  explainPythonLoss(): string {
    const [samples, broken] = (["samples", "broken_samples"] as const).map((field) =>
      sumOverCpus(this.#pythonCounters, pythonCounterLayout, field)
    );
    return broken! > notedShare * samples!
      ? `Python frames of ${broken} of ${samples} samples could not be read whole`
      : "";
  }

  close(): void {
    this.#ring.close();
  }

  #takeRecord(view: DataView<ArrayBuffer>, offset: number, threads: SeenThread[]): void {
    const kind = view.getUint32(offset, true);
    if (kind === threadKind) {
      const { tgid, tid, name } = decodeThreadEvent(view, offset);
      threads.push({ pid: tgid, tid, name });
    } else if (kind === pythonCodeKind) {
      this.#codes.add(view, offset);
    } else {
      const depth = view.getUint32(offset + stackEvent.depth, true);
      const pythonDepth = view.getUint32(offset + stackEvent.python_depth, true);
      const at = offset + stackEvent.addresses;
      this.#stacks.set(view.getBigUint64(offset + stackEvent.hash, true), {
        addresses: copyWords(view, at, depth),
        python: copyWords(view, at + 8 * depth, pythonDepth),
        end: ends[view.getUint32(offset + stackEvent.outcome, true)] ?? StackEnd.UNSPECIFIED,
      });
    }
  }
}

interface KnownStack {
  readonly addresses: BigUint64Array<ArrayBuffer>;
  /** As python.h describes them. */
  readonly python: BigUint64Array<ArrayBuffer>;
  readonly end: StackEnd;
}

function copyWords(view: DataView<ArrayBuffer>, at: number, count: number): BigUint64Array<ArrayBuffer> {
  const words = new BigUint64Array(count);
  for (let index = 0; index < count; index++) words[index] = view.getBigUint64(at + 8 * index, true);
  return words;
}

const noFrames = new BigUint64Array(0);

/** A pair of stacks, whose addresses may come later than its first sample. A hash of 0 means that there is no stack. */
class PairedStacks implements StackFrames {
  readonly key: string;
  readonly #stacks: ReadonlyMap<bigint, KnownStack>;
  readonly #codes: PythonCodes;
  readonly #user: bigint;
  readonly #kernel: bigint;

  constructor(stacks: ReadonlyMap<bigint, KnownStack>, codes: PythonCodes, user: bigint, kernel: bigint) {
    this.key = pairKey(user, kernel);
    this.#stacks = stacks;
    this.#codes = codes;
    this.#user = user;
    this.#kernel = kernel;
  }

  get kernel(): BigUint64Array<ArrayBuffer> {
    return this.#stacks.get(this.#kernel)?.addresses ?? noFrames;
  }

  get user(): BigUint64Array<ArrayBuffer> {
    return this.#stacks.get(this.#user)?.addresses ?? noFrames;
  }

  get python(): PythonFrame[] {
    return this.#codes.nameFrames(this.#stacks.get(this.#user)?.python ?? noFrames);
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
