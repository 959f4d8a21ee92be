import { attachPerfEvent, type Link } from "../../../lib/bpf/link.ts";
import type { Libbpf } from "../../../lib/bpf/libbpf.ts";
import type { BpfMap } from "../../../lib/bpf/map.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { onlineCpus, openCpuClockEvent } from "../../../lib/sys/perf_event.ts";
import { layouts } from "../../gen/records.ts";
import { type PythonFinder, PythonTargets } from "../python/python_targets.ts";
import type { UnwindTables } from "../unwind/unwind_tables.ts";
import { UserUnwinder } from "../unwind/user_unwinder.ts";
import { setTargets } from "./set_targets.ts";
import { StackReader } from "./stack_reader.ts";
import type { SessionCounters, StackRead, StackSample, StackSession } from "./stack_session.ts";
import { sumOverCpus } from "./sum_over_cpus.ts";

const sampleKey = layouts.sample_key;
const counterLayout = layouts.on_cpu_counters_value;

/** The kernel's side of one on-CPU profile: a program on a clock event of each CPU samples what it runs. */
export class OnCpuSession implements StackSession {
  readonly #object: BpfObject;
  readonly #samples: BpfMap;
  readonly #counters: BpfMap;
  readonly #stacks: StackReader;
  readonly #unwinder: UserUnwinder;
  readonly #pythons: PythonTargets;
  readonly #counts = new Map<string, number>();
  readonly #latin1 = new TextDecoder("latin1");
  #links: Link[] = [];

  private constructor(object: BpfObject, unwinder: UserUnwinder, pythons: PythonTargets) {
    this.#object = object;
    this.#pythons = pythons;
    this.#unwinder = unwinder;
    this.#samples = object.map("samples");
    this.#counters = object.map("counters");
    this.#stacks = new StackReader(object);
  }

  /**
   * Loads the program for at most two processes and attaches it to every CPU that is online now.
   * @throws {BpfError} or {@linkcode NotSupportedError} when this host cannot; nothing stays attached then.
   */
  static async open(
    libbpf: Libbpf,
    program: Uint8Array<ArrayBuffer>,
    options: {
      pids: readonly number[];
      frequencyHz: number;
      tables: UnwindTables;
      findPythons: PythonFinder;
    },
  ): Promise<OnCpuSession> {
    const object = openObject(libbpf, program, { name: "on_cpu", layouts });
    try {
      setTargets(object, options.pids);
      const pythons = await PythonTargets.prepare(object, options.pids);
      await object.load();
      const unwinder = new UserUnwinder(object, options.pids, options.tables);
      await unwinder.start();
      const session = new OnCpuSession(object, unwinder, pythons);
      await pythons.find(options.findPythons);
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
      this.#unwinder.close();
      this.#stacks.close();
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
  read(): StackRead {
    this.#unwinder.refresh();
    const { count, keys, values } = this.#samples.readBatch();
    const threads = this.#stacks.drain();
    const view = new DataView(keys.buffer);
    const weights = new DataView(values.buffer);
    const samples: StackSample[] = [];
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
        frames: this.#stacks.pair(
          view.getBigUint64(at + sampleKey.offsets.user_hash, true),
          view.getBigUint64(at + sampleKey.offsets.kernel_hash, true),
        ),
        weight,
        events: weight,
      });
    }
    return { samples, threads, waiting: [] };
  }

  counters(): SessionCounters {
    return {
      taken: sumOverCpus(this.#counters, counterLayout, "taken"),
      lostKernel: sumOverCpus(this.#counters, counterLayout, "lost_samples"),
      ...this.#stacks.counters(),
    };
  }

  explainMissing(): string[] {
    const loss = this.#stacks.explainPythonLoss();
    return loss === "" ? [...this.#pythons.notes] : [...this.#pythons.notes, loss];
  }

  /** Detaches and frees everything. */
  async close(): Promise<void> {
    await this.detach();
    this.#unwinder.close();
    this.#stacks.close();
    this.#object.close();
  }
}
