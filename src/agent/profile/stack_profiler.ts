import type { KernelClock } from "../../../lib/sys/kernel_clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { WaitState } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { type LossCounts, noLoss } from "../../model/profile.ts";
import type { Process } from "../../model/process.ts";
import type { Task } from "../../model/task.ts";
import type { NamedFrame, NameResolver } from "../names/resolver.ts";
import type { PythonFinder } from "../python/python_targets.ts";
import { sleepUntil } from "../sleep_until.ts";
import { ChunkBuilder, type ChunkWeights } from "./chunk_builder.ts";
import type { ChunkSink, ProfileOutcome, ProfileProgress, Profiler, RunControl } from "./profiler.ts";
import { StackNamer } from "./stack_namer.ts";
import type { StackFrames } from "./stack_reader.ts";
import type {
  SessionCounters,
  StackRead,
  StackSample,
  StackSession,
  SwitchCounts,
  WaitingThread,
} from "./stack_session.ts";

/** Seconds of samples in one chunk. */
const chunkSeconds = 5;

/** What a profile of stacks needs of its surroundings. */
export interface StackProfilerOptions {
  readonly kind: ProfileKind;
  /** Loads and attaches the BPF programs for these targets; the profiler closes the session. */
  openSession(pids: number[], task: Task, findPythons: PythonFinder): Promise<StackSession>;
  /** Takes away the frames of a stack, leaf first, that say nothing; all stay when not given. */
  trimStack?(frames: NamedFrame[]): NamedFrame[];
  /** Starts the naming child for these targets; the profiler ends it. */
  startNaming(pids: number[]): Promise<NameResolver>;
  /** False once this very process (not just its pid) is gone. */
  isAlive(process: Process): boolean;
  clock: KernelClock;
  logger: Logger;
  onProgress?(progress: ProfileProgress, task: Task): void;
}

/** What was counted for one (stack, thread, second), waiting for its chunk. */
interface PendingSample {
  readonly stackKey: string;
  readonly frames: StackFrames;
  readonly threadKey: string;
  readonly second: number;
  readonly state: WaitState;
  weight: number;
  events: number;
  runQueueNs: number;
}

/** What one chunk is made of, taken at the moment its seconds were over. */
interface ScheduledChunk {
  startUnixMs: number;
  seconds: number;
  last: boolean;
  samples: PendingSample[];
  waiting: readonly WaitingThread[];
  counters: SessionCounters;
}

/** Profiles threads by kernel and user stack: what a session counts becomes named chunks. */
export class StackProfiler implements Profiler {
  readonly #options: StackProfilerOptions;

  constructor(options: StackProfilerOptions) {
    this.#options = options;
  }

  async run(task: Task, sink: ChunkSink, control: RunControl): Promise<ProfileOutcome> {
    const pids = task.processes.map((process) => process.pid);
    const namer = new StackNamer(this.#options.startNaming(pids), this.#options.trimStack);
    let session: StackSession;
    try {
      session = await this.#options.openSession(pids, task, (pythons) => namer.findPythons(pythons));
    } catch (error) {
      await namer.close();
      return {
        ...{ state: "failed", message: (error as Error).message, loss: noLoss },
        endedAtBootNs: this.#options.clock.bootNs(),
      };
    }
    const run = new StackRun(task, { session, namer }, sink, this.#options);
    try {
      return await run.untilEnd(control);
    } finally {
      await session.close();
      await run.close();
    }
  }
}

/** The state of one run: reads every second, hands over a chunk every five. */
class StackRun {
  readonly #task: Task;
  readonly #session: StackSession;
  readonly #sink: ChunkSink;
  readonly #options: StackProfilerOptions;
  readonly #builder: ChunkBuilder;
  readonly #namer: StackNamer;
  readonly #processes = new Map<number, Process>();
  readonly #threads = new Map<string, { tid: number; name: string; processId: string }>();
  readonly #top = new Map<string, number>();
  #pending = new Map<string, PendingSample>();
  #waiting: readonly WaitingThread[] = [];
  #reported: LossCounts = noLoss;
  #reportedSwitches: SwitchCounts = { switches: 0, involuntary: 0, picked: 0, brief: 0, briefNs: 0 };
  #stored = 0;
  #emitting: Promise<void> = Promise.resolve();

  constructor(
    task: Task,
    { session, namer }: { session: StackSession; namer: StackNamer },
    sink: ChunkSink,
    options: StackProfilerOptions,
  ) {
    this.#task = task;
    this.#session = session;
    this.#sink = sink;
    this.#options = options;
    this.#builder = new ChunkBuilder(task.id, options.kind);
    for (const process of task.processes) this.#processes.set(process.pid, process);
    this.#namer = namer;
  }

  async untilEnd(control: RunControl): Promise<ProfileOutcome> {
    const { clock } = this.#options;
    const startNs = clock.bootNs();
    let chunkStartSecond = 0;
    let second = 0;
    let state: ProfileOutcome["state"] | undefined;
    while (state === undefined) {
      await sleepUntil(startNs + (second + 1) * 1e9, clock, control.signal);
      state = this.#endState(second + 1, control);
      if (state !== undefined) await this.#session.detach();
      this.#collect(this.#session.read(), second - chunkStartSecond);
      // A stalled event loop skips seconds rather than shifting all later ones.
      const elapsed = Math.max(second + 1, Math.floor((clock.bootNs() - startNs) / 1e9));
      if (state !== undefined || elapsed - chunkStartSecond >= chunkSeconds) {
        const startUnixMs = clock.unixMs(startNs + chunkStartSecond * 1e9);
        this.#scheduleChunk(startUnixMs, elapsed - chunkStartSecond, state !== undefined);
        chunkStartSecond = elapsed;
      } else {
        this.#namer.refresh();
      }
      this.#options.onProgress?.(this.#progress(elapsed), this.#task);
      second = elapsed;
    }
    const endedAtBootNs = clock.bootNs();
    await this.#emitting;
    const problems = [this.#namer.problem, ...this.#session.explainMissing()].filter((text) => text !== "");
    return { state, message: problems.join("; "), loss: this.#reported, endedAtBootNs };
  }

  async close(): Promise<void> {
    await this.#namer.close();
  }

  #endState(elapsedSeconds: number, control: RunControl): ProfileOutcome["state"] | undefined {
    if (control.signal.aborted) return "stopped";
    if (elapsedSeconds >= control.durationSeconds) return "done";
    if (!this.#task.processes.some((process) => this.#options.isAlive(process))) return "target_exited";
    return undefined;
  }

  #collect(read: StackRead, second: number): void {
    for (const { pid, tid, name } of read.threads) {
      this.#threads.set(threadKey(pid, tid), { tid, name, processId: this.#processes.get(pid)?.id ?? "" });
    }
    for (const sample of read.samples) this.#keep(toPending(sample, second));
    this.#waiting = read.waiting;
  }

  #keep(sample: PendingSample): void {
    const key = `${sample.second}|${sample.state}|${sample.threadKey}|${sample.stackKey}`;
    const known = this.#pending.get(key);
    if (known === undefined) this.#pending.set(key, sample);
    else {
      known.weight += sample.weight;
      known.events += sample.events;
      known.runQueueNs += sample.runQueueNs;
    }
  }

  /** Takes what was collected and writes it after the chunks before it, so that naming never delays the next read. */
  #scheduleChunk(startUnixMs: number, seconds: number, last: boolean): void {
    const samples = [...this.#pending.values()];
    const counters = this.#session.counters();
    const waiting = this.#waiting;
    this.#pending = new Map();
    this.#emitting = this.#emitting.then(() =>
      this.#emit({ startUnixMs, seconds, last, samples, waiting, counters })
    );
    this.#emitting.catch(() => {});
  }

  async #emit({ startUnixMs, seconds, last, samples, waiting, counters }: ScheduledChunk): Promise<void> {
    this.#builder.begin(startUnixMs, seconds);
    await this.#namer.addStacks(samples, this.#builder);
    for (const note of this.#namer.notes) {
      this.#builder.addNameNote(this.#processes.get(note.pid)?.id ?? "", note);
    }
    let lostAgent = this.#reported.lostAgent;
    for (const sample of samples) {
      if (!this.#builder.hasStack(sample.stackKey)) {
        // Its frames have not come through the ring yet; they are sent again at the stack's next sample.
        if (last) lostAgent += sample.events;
        else this.#keep({ ...sample, second: 0 });
        continue;
      }
      this.#ensureThread(sample.threadKey);
      this.#builder.addSample(
        sample.stackKey,
        sample.threadKey,
        Math.min(sample.second, seconds - 1),
        this.#weightsOf(sample),
      );
      this.#stored += sample.events;
      const leaf = this.#namer.leafOf(sample.stackKey);
      this.#top.set(leaf, (this.#top.get(leaf) ?? 0) + sample.weight);
    }
    for (const thread of waiting) {
      const key = threadKey(thread.pid, thread.tid);
      const stackKey = `${thread.pid}:${thread.frames.key}`;
      if (this.#builder.hasStack(stackKey) && this.#builder.hasThread(key)) {
        this.#builder.addWaiting(stackKey, key, thread);
      }
    }
    const { taken, lostKernel, truncated, switches } = counters;
    const total: LossCounts = { taken, stored: this.#stored, lostKernel, lostAgent, truncated };
    const loss = difference(total, this.#reported);
    const switchesSince = switches === undefined ? undefined : difference(switches, this.#reportedSwitches);
    const chunks = this.#builder.finish({ loss, switches: switchesSince }, last);
    this.#reported = total;
    this.#reportedSwitches = switches ?? this.#reportedSwitches;
    for (const chunk of chunks) await this.#sink(chunk);
  }

  #weightsOf({ weight, events, runQueueNs, state }: PendingSample): ChunkWeights {
    const isWait = this.#options.kind === ProfileKind.OFF_CPU;
    return { weight, ...isWait && { wait: { state, waits: events, runQueueNs } } };
  }

  #ensureThread(key: string): void {
    if (this.#builder.hasThread(key)) return;
    const [pid, tid] = key.split(":").map(Number) as [number, number];
    this.#builder.addThread(
      key,
      this.#threads.get(key) ?? { tid, name: "", processId: this.#processes.get(pid)?.id ?? "" },
    );
  }

  #progress(elapsedSeconds: number): ProfileProgress {
    const whole = this.#top.values().reduce((sum, weight) => sum + weight, 0);
    const heaviest = [...this.#top].sort((a, b) => b[1] - a[1]).slice(0, 5);
    const top = heaviest.map(([name, weight]) => ({ name, share: whole === 0 ? 0 : weight / whole }));
    const { taken, lostKernel, truncated } = this.#session.counters();
    return {
      elapsedSeconds,
      loss: { taken, lostKernel, truncated, stored: this.#stored, lostAgent: 0 },
      top,
    };
  }
}

function toPending({ pid, tid, frames, weight, events, wait }: StackSample, second: number): PendingSample {
  return {
    ...{ stackKey: `${pid}:${frames.key}`, threadKey: threadKey(pid, tid), frames, second, weight, events },
    state: wait?.state ?? WaitState.UNSPECIFIED,
    runQueueNs: wait?.runQueueNs ?? 0,
  };
}

function threadKey(pid: number, tid: number): string {
  return `${pid}:${tid}`;
}

/** What was counted between two readings, as the wire has it. */
function difference<Name extends string>(
  total: Readonly<Record<Name, number>>,
  before: Readonly<Record<Name, number>>,
): Record<Name, bigint> {
  const names = Object.keys(total) as Name[];
  return Object.fromEntries(names.map((name) => [name, BigInt(total[name] - before[name])])) as Record<
    Name,
    bigint
  >;
}
