import { BpfError } from "../../../lib/bpf/error.ts";
import { BpfIterator } from "../../../lib/bpf/iterator.ts";
import type { Libbpf } from "../../../lib/bpf/libbpf.ts";
import { attach, attachToProcess, type Link } from "../../../lib/bpf/link.ts";
import { readStat } from "../../../lib/procfs/process.ts";
import type { BpfMap } from "../../../lib/bpf/map.ts";
import { type BpfObject, openObject } from "../../../lib/bpf/object.ts";
import { runProgram } from "../../../lib/bpf/test_run.ts";
import { bootNs } from "../../../lib/sys/kernel_clock.ts";
import { layouts } from "../../gen/records.ts";
import type { WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { type PythonFinder, PythonTargets } from "../python/python_targets.ts";
import type { UnwindTables } from "../unwind/unwind_tables.ts";
import { UserUnwinder } from "../unwind/user_unwinder.ts";
import { setTargets } from "./set_targets.ts";
import { StackReader } from "./stack_reader.ts";
import type {
  SessionCounters,
  StackRead,
  StackSample,
  StackSession,
  SwitchCounts,
  WaitingThread,
} from "./stack_session.ts";
import { sumOverCpus } from "./sum_over_cpus.ts";

const sampleKey = layouts.off_cpu_key;
const sampleValue = layouts.off_cpu_value;
const threadValue = layouts.off_cpu_thread_value;
const counterLayout = layouts.off_cpu_counters_value;
const mostWaiting = 256;

/** What was counted for one (thread, stacks, state) since the start. */
interface WaitTotals {
  waits: number;
  blockedNs: number;
  runQueueNs: number;
}

/** What an off-CPU profile is opened with. */
export interface OffCpuOptions {
  /** At most two. */
  readonly pids: readonly number[];
  /** Waits below it are only counted. */
  readonly minimumNs: number;
  readonly tables: UnwindTables;
  readonly findPythons: PythonFinder;
  /** Changes the object before it is loaded. */
  readonly configure?: (object: BpfObject) => void;
}

/** The kernel's side of one off-CPU profile: each switch of a target's thread, and how long it stayed away. */
export class OffCpuSession implements StackSession {
  readonly #object: BpfObject;
  readonly #samples: BpfMap;
  readonly #threads: BpfMap;
  readonly #counters: BpfMap;
  readonly #stacks: StackReader;
  readonly #unwinder: UserUnwinder;
  readonly #pythons: PythonTargets;
  readonly #minimumNs: number;
  readonly #totals = new Map<string, WaitTotals>();
  readonly #latin1 = new TextDecoder("latin1");
  #links: Link[] = [];
  #seeing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(
    object: BpfObject,
    parts: { unwinder: UserUnwinder; pythons: PythonTargets; minimumNs: number },
  ) {
    this.#object = object;
    this.#unwinder = parts.unwinder;
    this.#pythons = parts.pythons;
    this.#samples = object.map("samples");
    this.#threads = object.map("threads");
    this.#counters = object.map("counters");
    this.#stacks = new StackReader(object);
    this.#minimumNs = parts.minimumNs;
  }

  /**
   * Loads the programs for at most two processes and attaches them; threads that wait already are seen from now on.
   * @throws {BpfError} or {@linkcode NotSupportedError} when this host cannot; nothing stays attached then.
   */
  static async open(
    libbpf: Libbpf,
    program: Uint8Array<ArrayBuffer>,
    options: OffCpuOptions,
  ): Promise<OffCpuSession> {
    const { pids, minimumNs } = options;
    const object = openObject(libbpf, program, { name: "off_cpu", layouts });
    let pythons: PythonTargets;
    try {
      setTargets(object, pids);
      pythons = await PythonTargets.prepare(object, pids);
      object.setRodata("minimum_ns", minimumNs);
      options.configure?.(object);
      await object.load();
    } catch (error) {
      object.close();
      throw error;
    }
    const unwinder = new UserUnwinder(object, pids, options.tables);
    const session = new OffCpuSession(object, { unwinder, pythons, minimumNs });
    try {
      await unwinder.start();
      await pythons.find(options.findPythons);
      session.#links = ["off_cpu_switch", "off_cpu_wakeup"].map((name) => attach(object.program(name)));
      await session.#seeWaiting(pids);
      void unwinder.settle().then(() => session.#seeAgain(pids));
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Stops counting; once resolved, the next read is the last that finds something. */
  async detach(): Promise<void> {
    const links = this.#links;
    this.#links = [];
    for (const link of links) await link.close();
  }

  /** Reads what was counted since the last call, with the time so far of threads that wait now. */
  read(): StackRead {
    this.#unwinder.refresh();
    runProgram(this.#object.program("count_so_far"), new Uint8Array());
    const samples = this.#readSamples();
    const waiting = this.#readWaiting();
    // Last, so that the frames of all that was read have been sent.
    const threads = this.#stacks.drain();
    return { samples, threads, waiting };
  }

  counters(): SessionCounters {
    const [taken, lostSamples, lostThreads] = (["taken", "lost_samples", "lost_threads"] as const)
      .map((field) => sumOverCpus(this.#counters, counterLayout, field)) as [number, number, number];
    return {
      taken,
      lostKernel: lostSamples + lostThreads,
      ...this.#stacks.counters(),
      switches: this.#switches(),
    };
  }

  explainMissing(): string[] {
    const loss = this.#stacks.explainPythonLoss();
    return loss === "" ? [...this.#pythons.notes] : [...this.#pythons.notes, loss];
  }

  /** Detaches and frees everything. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#seeing;
    await this.detach();
    this.#unwinder.close();
    this.#stacks.close();
    this.#object.close();
  }

  /** All unwind tables are there: the stacks of threads that have waited since the beginning are taken anew. */
  async #seeAgain(pids: readonly number[]): Promise<void> {
    if (this.#closed) return;
    this.#seeing = this.#seeWaiting(pids).catch(() => {});
    await this.#seeing;
  }

  async #seeWaiting(pids: readonly number[]): Promise<void> {
    for (const [target, pid] of pids.entries()) await this.#seeThreads(pid, target);
    // The last thread's stack may hold secrets.
    const copies = this.#object.map("stack_copies");
    copies.update(new Uint8Array(4), new Uint8Array(copies.valueBytes));
  }

  /** Takes the stacks of threads that wait already, and has the programs know the process by the host's number. */
  async #seeThreads(pid: number, target: number): Promise<void> {
    let link: Link | undefined;
    try {
      link = attachToProcess(this.#object.program("see_waiting"), pid);
      new BpfIterator(link).read();
      const tgids = this.#object.variable("host_tgids");
      const isKnown = new DataView(tgids.buffer, tgids.byteOffset).getUint32(4 * target, true) !== 0;
      if (!isKnown && readStat(pid) !== undefined) {
        throw new Error(`Cannot find process ${pid}: the kernel's task iterator does not list it`);
      }
    } catch (error) {
      // A process that has ended has no thread that waits.
      if (!(error instanceof BpfError && error.errno === "ESRCH")) throw error;
    } finally {
      await link?.close();
    }
  }

  #readSamples(): StackSample[] {
    const { count, keys, values } = this.#samples.readBatch();
    const view = new DataView(keys.buffer);
    const sums = new DataView(values.buffer);
    const samples: StackSample[] = [];
    for (let entry = 0; entry < count; entry++) {
      const at = entry * sampleKey.size;
      const totals = readTotals(sums, entry * sampleValue.size);
      const since = this.#subtract(this.#latin1.decode(keys.subarray(at, at + sampleKey.size)), totals);
      if (since === undefined) continue;
      samples.push({
        pid: view.getUint32(at + sampleKey.offsets.tgid, true),
        tid: view.getUint32(at + sampleKey.offsets.tid, true),
        frames: this.#stacks.pair(
          view.getBigUint64(at + sampleKey.offsets.user_hash, true),
          view.getBigUint64(at + sampleKey.offsets.kernel_hash, true),
        ),
        weight: since.blockedNs,
        events: since.waits,
        wait: {
          state: view.getUint32(at + sampleKey.offsets.state, true) as WaitState,
          runQueueNs: since.runQueueNs,
        },
      });
    }
    return samples;
  }

  /** What came since the last read; undefined when nothing did. */
  #subtract(key: string, totals: WaitTotals): WaitTotals | undefined {
    const before = this.#totals.get(key) ?? { waits: 0, blockedNs: 0, runQueueNs: 0 };
    const since = {
      waits: totals.waits - before.waits,
      blockedNs: totals.blockedNs - before.blockedNs,
      runQueueNs: totals.runQueueNs - before.runQueueNs,
    };
    if (since.waits === 0 && since.blockedNs === 0 && since.runQueueNs === 0) return undefined;
    this.#totals.set(key, totals);
    return since;
  }

  #readWaiting(): WaitingThread[] {
    const nowNs = bootNs();
    const { count, values } = this.#threads.readBatch();
    const view = new DataView(values.buffer);
    const waiting: WaitingThread[] = [];
    for (let at = 0; at < count * threadValue.size; at += threadValue.size) {
      const { offsets } = threadValue;
      const waitedNs = nowNs - Number(view.getBigUint64(at + offsets.start_ns, true));
      const waits = view.getBigUint64(at + offsets.since_ns, true) !== 0n &&
        view.getBigUint64(at + offsets.woken_ns, true) === 0n;
      if (!waits || waitedNs < this.#minimumNs) continue;
      waiting.push({
        pid: view.getUint32(at + offsets.tgid, true),
        tid: view.getUint32(at + offsets.tid, true),
        frames: this.#stacks.pair(
          view.getBigUint64(at + offsets.user_hash, true),
          view.getBigUint64(at + offsets.kernel_hash, true),
        ),
        state: view.getUint32(at + offsets.state, true) as WaitState,
        waitedNs,
      });
    }
    return waiting.sort((a, b) => b.waitedNs - a.waitedNs).slice(0, mostWaiting);
  }

  #switches(): SwitchCounts {
    const [switches, involuntary, picked, brief, briefNs] =
      (["switches", "involuntary", "picked", "brief", "brief_ns"] as const)
        .map((field) => sumOverCpus(this.#counters, counterLayout, field)) as [
          number,
          number,
          number,
          number,
          number,
        ];
    return { switches, involuntary, picked, brief, briefNs };
  }
}

function readTotals(view: DataView<ArrayBuffer>, at: number): WaitTotals {
  const { waits, blocked_ns, run_queue_ns } = sampleValue.offsets;
  return {
    waits: Number(view.getBigUint64(at + waits, true)),
    blockedNs: Number(view.getBigUint64(at + blocked_ns, true)),
    runQueueNs: Number(view.getBigUint64(at + run_queue_ns, true)),
  };
}
