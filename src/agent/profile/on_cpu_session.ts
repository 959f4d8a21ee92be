import { attachPerfEvent, type Link } from "../../../lib/bpf/link.ts";
import type { Libbpf } from "../../../lib/bpf/libbpf.ts";
import type { BpfMap } from "../../../lib/bpf/map.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { RingBuffer } from "../../../lib/bpf/ring_buffer.ts";
import { onlineCpus, openCpuClockEvent } from "../../../lib/sys/perf_event.ts";
import { decodeThreadEvent, layouts } from "../../gen/records.ts";

/** `kind` of a struct thread_event; stacks have 1 (user) and 2 (kernel). */
const threadKind = 3;
const stackEvent = layouts.stack_event.offsets;
const sampleKey = layouts.sample_key;
const counterLayout = layouts.on_cpu_counters_value;

/** Addresses of one sample's stacks, leaf first; filled in when the kernel has sent them. */
export interface StackFrames {
  /** Identifies the pair of stacks within the session. */
  readonly key: string;
  readonly kernel: BigUint64Array<ArrayBuffer>;
  readonly user: BigUint64Array<ArrayBuffer>;
  /** False while the frames of either stack have not come. */
  readonly complete: boolean;
}

/** What happened since the last read. */
export interface OnCpuRead {
  readonly samples: { pid: number; tid: number; frames: StackFrames; weight: number }[];
  /** Threads seen first, and those whose name changed. */
  readonly threads: { pid: number; tid: number; name: string }[];
}

/** Counts since the start. At the end, after detach(): taken = sum of all weights + lostKernel. */
export interface OnCpuCounters {
  readonly taken: number;
  readonly lostKernel: number;
  readonly truncated: number;
}

/** The kernel's side of one on-CPU profile: the program on a clock event of each CPU, and its maps. */
export class OnCpuSession {
  readonly #object: BpfObject;
  readonly #samples: BpfMap;
  readonly #counters: BpfMap;
  readonly #ring: RingBuffer;
  readonly #stacks = new Map<bigint, BigUint64Array<ArrayBuffer>>();
  readonly #pairs = new Map<string, StackFrames>();
  readonly #counts = new Map<string, number>();
  readonly #latin1 = new TextDecoder("latin1");
  #links: Link[] = [];

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#samples = object.map("samples");
    this.#counters = object.map("counters");
    this.#ring = new RingBuffer(object.map("stacks"));
  }

  /**
   * Loads the program for at most two processes and attaches it to every CPU that is online now.
   * @throws {BpfError} or {@linkcode NotSupportedError} when this host cannot; nothing stays attached then.
   */
  static async open(
    libbpf: Libbpf,
    program: Uint8Array<ArrayBuffer>,
    options: { pids: readonly number[]; frequencyHz: number },
  ): Promise<OnCpuSession> {
    const object = openObject(libbpf, program, { name: "on_cpu", layouts });
    try {
      const targets = new Uint32Array(2);
      targets.set(options.pids);
      object.setRodata("targets", new Uint8Array(targets.buffer));
      object.setRodata("pid_namespace_inode", Deno.statSync("/proc/self/ns/pid").ino ?? 0);
      object.setRodata("hash_seed", crypto.getRandomValues(new BigUint64Array(1))[0]!);
      await object.load();
      const session = new OnCpuSession(object);
      await session.#attach(options.frequencyHz);
      return session;
    } catch (error) {
      object.close();
      throw error;
    }
  }

  async #attach(frequencyHz: number): Promise<void> {
    const program = this.#object.program("on_cpu");
    try {
      for (const cpu of onlineCpus()) {
        this.#links.push(attachPerfEvent(program, openCpuClockEvent(cpu, frequencyHz)));
      }
    } catch (error) {
      await this.detach();
      this.#ring.close();
      throw error;
    }
  }

  /** Stops sampling; once resolved, nothing more is counted and the next read is the last that finds something. */
  async detach(): Promise<void> {
    const links = this.#links;
    this.#links = [];
    for (const link of links) await link.close();
  }

  /** Reads what was counted since the last call: the counts first, so that the frames of all of them have been sent. */
  read(): OnCpuRead {
    const { count, keys, values } = this.#samples.readBatch();
    const threads: OnCpuRead["threads"] = [];
    this.#ring.drain((view, offset) => this.#takeRecord(view, offset, threads));
    const view = new DataView(keys.buffer);
    const weights = new DataView(values.buffer);
    const samples: OnCpuRead["samples"] = [];
    for (let entry = 0; entry < count; entry++) {
      const at = entry * sampleKey.size;
      const key = this.#latin1.decode(keys.subarray(at, at + sampleKey.size));
      const total = Number(weights.getBigUint64(entry * 8, true));
      const weight = total - (this.#counts.get(key) ?? 0);
      if (weight === 0) continue;
      this.#counts.set(key, total);
      samples.push({
        pid: view.getUint32(at + sampleKey.offsets.tgid, true),
        tid: view.getUint32(at + sampleKey.offsets.tid, true),
        frames: this.#pair(
          view.getBigUint64(at + sampleKey.offsets.user_hash, true),
          view.getBigUint64(at + sampleKey.offsets.kernel_hash, true),
        ),
        weight,
      });
    }
    return { samples, threads };
  }

  counters(): OnCpuCounters {
    const value = new Uint8Array(this.#counters.valueBytes);
    this.#counters.lookup(new Uint8Array(4), value);
    const view = new DataView(value.buffer);
    const sum = (offset: number) => {
      let total = 0;
      for (let cpu = 0; cpu < value.length; cpu += counterLayout.size) {
        total += Number(view.getBigUint64(cpu + offset, true));
      }
      return total;
    };
    const { taken, lost_samples, truncated } = counterLayout.offsets;
    return { taken: sum(taken), lostKernel: sum(lost_samples), truncated: sum(truncated) };
  }

  /** Detaches and frees everything. */
  async close(): Promise<void> {
    await this.detach();
    this.#ring.close();
    this.#object.close();
  }

  #pair(user: bigint, kernel: bigint): StackFrames {
    const key = pairKey(user, kernel);
    let pair = this.#pairs.get(key);
    if (pair === undefined) this.#pairs.set(key, pair = new PairedStacks(this.#stacks, user, kernel));
    return pair;
  }

  #takeRecord(view: DataView<ArrayBuffer>, offset: number, threads: OnCpuRead["threads"]): void {
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
    this.#stacks.set(view.getBigUint64(offset + stackEvent.hash, true), addresses);
  }
}

const noFrames = new BigUint64Array(0);

/** A pair of stacks, whose addresses may come later than its first sample. A hash of 0 means that there is no stack. */
class PairedStacks implements StackFrames {
  readonly key: string;
  readonly #stacks: ReadonlyMap<bigint, BigUint64Array<ArrayBuffer>>;
  readonly #user: bigint;
  readonly #kernel: bigint;

  constructor(stacks: ReadonlyMap<bigint, BigUint64Array<ArrayBuffer>>, user: bigint, kernel: bigint) {
    this.key = pairKey(user, kernel);
    this.#stacks = stacks;
    this.#user = user;
    this.#kernel = kernel;
  }

  get kernel(): BigUint64Array<ArrayBuffer> {
    return this.#stacks.get(this.#kernel) ?? noFrames;
  }

  get user(): BigUint64Array<ArrayBuffer> {
    return this.#stacks.get(this.#user) ?? noFrames;
  }

  get complete(): boolean {
    return [this.#user, this.#kernel].every((hash) => hash === 0n || this.#stacks.has(hash));
  }
}

function pairKey(user: bigint, kernel: bigint): string {
  return `${user.toString(36)}.${kernel.toString(36)}`;
}
