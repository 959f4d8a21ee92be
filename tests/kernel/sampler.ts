import { attachPerfEvent, type Link } from "../../lib/bpf/link.ts";
import type { BpfObject } from "../../lib/bpf/object.ts";
import { RingBuffer } from "../../lib/bpf/ring_buffer.ts";
import { onlineCpus, openCpuClockEvent } from "../../lib/sys/perf_event.ts";
import {
  decodeOnCpuCountersValue,
  decodeSampleKey,
  decodeStackCountersValue,
  decodeThreadEvent,
  layouts,
  type OnCpuCountersValue,
  type StackCountersValue,
  type ThreadEvent,
} from "../../src/gen/records.ts";
import { openBuilt } from "./harness.ts";

const THREAD = 3;

/** One (thread, stacks) with its count. */
export interface Sample {
  tgid: number;
  tid: number;
  userHash: bigint;
  kernelHash: bigint;
  count: number;
}

/** The on_cpu program, read as plainly as can be: an oracle for the agent's own session, and a way to test the program alone. */
export class Sampler {
  readonly object: BpfObject;
  /** Frames by hash, and how often each came. */
  readonly stacks = new Map<bigint, { kind: number; addresses: bigint[]; times: number }>();
  readonly threads: ThreadEvent[] = [];
  readonly #ring: RingBuffer;
  #links: Link[] = [];

  private constructor(object: BpfObject) {
    this.object = object;
    this.#ring = new RingBuffer(object.map("stacks"));
  }

  static async start(
    pids: number[],
    frequencyHz: number,
    configure: (object: BpfObject) => void = () => {},
  ): Promise<Sampler> {
    const object = openBuilt("on_cpu");
    const targets = new Uint32Array(2);
    targets.set(pids);
    object.setRodata("targets", new Uint8Array(targets.buffer));
    object.setRodata("pid_namespace_inode", BigInt(Deno.statSync("/proc/self/ns/pid").ino!));
    object.setRodata("hash_seed", crypto.getRandomValues(new BigUint64Array(1))[0]!);
    configure(object);
    await object.load();
    const sampler = new Sampler(object);
    for (const cpu of onlineCpus()) {
      sampler.#links.push(attachPerfEvent(object.program("on_cpu"), openCpuClockEvent(cpu, frequencyHz)));
    }
    return sampler;
  }

  /** Takes what is in the ring. */
  drain(): void {
    this.#ring.drain((view, offset) => {
      if (view.getUint32(offset, true) === THREAD) {
        this.threads.push(decodeThreadEvent(view, offset));
        return;
      }
      const { offsets } = layouts.stack_event;
      const hash = view.getBigUint64(offset + offsets.hash, true);
      const addresses = Array.from(
        { length: view.getUint32(offset + offsets.depth, true) },
        (_, frame) => view.getBigUint64(offset + offsets.addresses + 8 * frame, true),
      );
      const times = (this.stacks.get(hash)?.times ?? 0) + 1;
      this.stacks.set(hash, { kind: view.getUint32(offset, true), addresses, times });
    });
  }

  /** Returns all counts since the start. */
  read(): Sample[] {
    const { count, keys, values } = this.object.map("samples").readBatch();
    const keyView = new DataView(keys.buffer);
    const valueView = new DataView(values.buffer);
    this.drain();
    return Array.from({ length: count }, (_, index) => ({
      ...decodeSampleKey(keyView, index * layouts.sample_key.size),
      count: Number(valueView.getBigUint64(8 * index, true)),
    }));
  }

  /** Returns the counters, summed over all CPUs. */
  counters(): Record<keyof (OnCpuCountersValue & StackCountersValue), number> {
    return {
      ...this.#sum("counters", layouts.on_cpu_counters_value.size, decodeOnCpuCountersValue),
      ...this.#sum("stack_counters", layouts.stack_counters_value.size, decodeStackCountersValue),
    };
  }

  #sum<Counters extends object>(
    name: string,
    sizeBytes: number,
    decode: (view: DataView, offset: number) => Counters,
  ): Record<keyof Counters, number> {
    const map = this.object.map(name);
    const value = new Uint8Array(map.valueBytes);
    map.lookup(new Uint8Array(4), value);
    const view = new DataView(value.buffer);
    const sums: Record<string, number> = {};
    for (let offset = 0; offset < value.length; offset += sizeBytes) {
      for (const [key, count] of Object.entries(decode(view, offset))) {
        sums[key] = (sums[key] ?? 0) + Number(count);
      }
    }
    return sums as Record<keyof Counters, number>;
  }

  async detach(): Promise<void> {
    for (const link of this.#links.splice(0)) await link.close();
  }

  close(): void {
    this.#ring.close();
    this.object.close();
  }
}
