import type { KernelClock } from "../../../lib/sys/kernel_clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { StackEnd } from "../../gen/stakeout/v1/profile_pb.ts";
import type { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { type LossCounts, noLoss } from "../../model/profile.ts";
import type { Process } from "../../model/process.ts";
import type { Task } from "../../model/task.ts";
import type { NamedFrame, NameResolver } from "../names/resolver.ts";
import { mergeFrames } from "../python/merge_frames.ts";
import { sleepUntil } from "../sleep_until.ts";
import { ChunkBuilder } from "./chunk_builder.ts";
import type { ChunkSink, ProfileOutcome, ProfileProgress, Profiler, RunControl } from "./profiler.ts";
import type { StackFrames } from "./stack_reader.ts";
import type { SessionCounters, StackRead, StackSample, StackSession } from "./stack_session.ts";

/** Seconds of samples in one chunk. */
const chunkSeconds = 5;

/** What a profile of stacks needs of its surroundings. */
export interface StackProfilerOptions {
  readonly kind: ProfileKind;
  /** Loads and attaches the BPF programs for these targets; the profiler closes the session. */
  openSession(pids: number[], task: Task): Promise<StackSession>;
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
  weight: number;
  events: number;
}

/** What one chunk is made of, taken at the moment its seconds were over. */
interface ScheduledChunk {
  startUnixMs: number;
  seconds: number;
  last: boolean;
  samples: PendingSample[];
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
    let session: StackSession;
    try {
      session = await this.#options.openSession(pids, task);
    } catch (error) {
      return {
        ...{ state: "failed", message: (error as Error).message, loss: noLoss },
        endedAtBootNs: this.#options.clock.bootNs(),
      };
    }
    const run = new StackRun(task, session, sink, this.#options);
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
  readonly #naming: Promise<NameResolver>;
  readonly #processes = new Map<number, Process>();
  readonly #threads = new Map<string, { tid: number; name: string; processId: string }>();
  readonly #top = new Map<string, number>();
  readonly #leaves = new Map<string, string>();
  #pending = new Map<string, PendingSample>();
  #reported: LossCounts = noLoss;
  #stored = 0;
  #problem = "";
  #emitting: Promise<void> = Promise.resolve();

  constructor(task: Task, session: StackSession, sink: ChunkSink, options: StackProfilerOptions) {
    this.#task = task;
    this.#session = session;
    this.#sink = sink;
    this.#options = options;
    this.#builder = new ChunkBuilder(task.id, options.kind);
    for (const process of task.processes) this.#processes.set(process.pid, process);
    this.#naming = options.startNaming([...this.#processes.keys()]);
    // Awaited at the first chunk; a failure before that must not count as unhandled.
    this.#naming.catch(() => {});
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
        void this.#naming.then((naming) => naming.refresh(), () => {});
      }
      this.#options.onProgress?.(this.#progress(elapsed), this.#task);
      second = elapsed;
    }
    const endedAtBootNs = clock.bootNs();
    await this.#emitting;
    const problems = [this.#problem, ...this.#session.explainMissing()].filter((text) => text !== "");
    return { state, message: problems.join("; "), loss: this.#reported, endedAtBootNs };
  }

  async close(): Promise<void> {
    await this.#naming.then((naming) => naming.close(), () => {});
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
  }

  #keep(sample: PendingSample): void {
    const key = `${sample.second}|${sample.threadKey}|${sample.stackKey}`;
    const known = this.#pending.get(key);
    if (known === undefined) this.#pending.set(key, sample);
    else {
      known.weight += sample.weight;
      known.events += sample.events;
    }
  }

  /** Takes what was collected and writes it after the chunks before it, so that naming never delays the next read. */
  #scheduleChunk(startUnixMs: number, seconds: number, last: boolean): void {
    const samples = [...this.#pending.values()];
    const counters = this.#session.counters();
    this.#pending = new Map();
    this.#emitting = this.#emitting.then(() => this.#emit({ startUnixMs, seconds, last, samples, counters }));
    this.#emitting.catch(() => {});
  }

  async #emit({ startUnixMs, seconds, last, samples, counters }: ScheduledChunk): Promise<void> {
    this.#builder.begin(startUnixMs, seconds);
    await this.#nameStacks(samples);
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
        sample.weight,
      );
      this.#stored += sample.events;
      const leaf = this.#leaves.get(sample.stackKey) ?? "";
      this.#top.set(leaf, (this.#top.get(leaf) ?? 0) + sample.weight);
    }
    const total: LossCounts = { ...counters, stored: this.#stored, lostAgent };
    const chunks = this.#builder.finish(wireDifference(total, this.#reported), last);
    this.#reported = total;
    for (const chunk of chunks) await this.#sink(chunk);
  }

  /** Adds every new stack whose frames are known. */
  async #nameStacks(samples: readonly PendingSample[]): Promise<void> {
    const fresh = new Map<string, { pid: number; frames: StackFrames }>();
    for (const { stackKey, frames } of samples) {
      if (!frames.complete || fresh.has(stackKey) || this.#builder.hasStack(stackKey)) continue;
      fresh.set(stackKey, { pid: Number(stackKey.slice(0, stackKey.indexOf(":"))), frames });
    }
    if (fresh.size === 0) return;
    const named = await this.#resolve([...fresh.values()]);
    let position = 0;
    for (const [stackKey, { frames: { end } }] of fresh) {
      const frames = named[position++] ?? [];
      this.#builder.addStack(stackKey, frames, end);
      this.#leaves.set(stackKey, displayName(frames.find(({ runtime }) => !runtime)));
    }
  }

  async #resolve(stacks: { pid: number; frames: StackFrames }[]): Promise<NamedFrame[][]> {
    const requests = stacks.flatMap(({ pid, frames }) => [
      { pid, kind: "kernel" as const, addresses: frames.kernel },
      { pid, kind: "user" as const, addresses: frames.user },
    ]);
    try {
      const naming = await this.#naming;
      const named = await naming.resolve(requests);
      if (naming.problem !== "") this.#problem = naming.problem;
      for (const note of naming.notes) {
        this.#builder.addNameNote(this.#processes.get(note.pid)?.id ?? "", note);
      }
      return stacks.map(({ frames }, position) => [
        ...named[2 * position] ?? [],
        ...mergeFrames(named[2 * position + 1] ?? [], frames.python, frames.end === StackEnd.WHOLE),
      ]);
    } catch (error) {
      this.#problem = `Names are missing: ${(error as Error).message}`;
      return stacks.map(({ frames }) => [
        ...unnamed(frames.kernel, "kernel"),
        ...mergeFrames(unnamed(frames.user, "user"), frames.python, false),
      ]);
    }
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
    const top = [...this.#top].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([name, weight]) => ({
      name,
      weight,
    }));
    return { elapsedSeconds, loss: { ...this.#session.counters(), stored: this.#stored, lostAgent: 0 }, top };
  }
}

/** Name of a frame for people: the function, else module+address. */
export function displayName(frame: NamedFrame | undefined): string {
  if (frame === undefined) return "[no stack]";
  if (frame.function !== "") return frame.function;
  return `${frame.module.split("/").at(-1) || "[unknown]"}+0x${frame.address.toString(16)}`;
}

function toPending({ pid, tid, frames, weight, events }: StackSample, second: number): PendingSample {
  return { stackKey: `${pid}:${frames.key}`, threadKey: threadKey(pid, tid), frames, second, weight, events };
}

function unnamed(addresses: BigUint64Array, kind: NamedFrame["kind"]): NamedFrame[] {
  return [...addresses].map((address) => ({ kind, function: "", module: "", address }));
}

function threadKey(pid: number, tid: number): string {
  return `${pid}:${tid}`;
}

function wireDifference(total: LossCounts, before: LossCounts) {
  return {
    taken: BigInt(total.taken - before.taken),
    stored: BigInt(total.stored - before.stored),
    lostKernel: BigInt(total.lostKernel - before.lostKernel),
    lostAgent: BigInt(total.lostAgent - before.lostAgent),
    truncated: BigInt(total.truncated - before.truncated),
  };
}
