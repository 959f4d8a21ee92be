import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { EBPFProfilingStackMetadata } from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import {
  FrameKind,
  type FrameSchema,
  type ProfileChunk,
  ProfileChunkSchema,
  type StackSchema,
  type ThreadSchema,
  WaitState,
} from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { type NamedFrame, nameFrames } from "./named_frames.ts";

/** One pair of stacks as SkyWalking's agent sends it: names, and what was counted since the last time. */
export interface RoverStacks {
  readonly process: { readonly id: string; readonly pid: number };
  readonly stacks: readonly EBPFProfilingStackMetadata[];
  /** Samples, or nanoseconds off the CPU. */
  readonly weight: number;
  /** Off-CPU: switches. */
  readonly waits: number;
}

/** Where a thread's name would be: the protocol tells no threads. */
const threadName = "all threads";
/** How long SkyWalking's agent counts before it sends; one that sends later than that had nothing to send before. */
const countedSeconds = 5;
const mostEntries = 500_000;
/** With one more stack of the longest names a chunk stays below the 1 MiB that a record may have. */
const fullBytes = 224 * 1024;

/**
 * Makes the chunks of one profile out of named stacks.
 * Shape: tables as ProfileChunk has them. The agent counts over about five seconds and does not tell in which of them: each
 * weight, and each number of waits, lies evenly on the seconds since the last time of its process, so that a second holds a
 * mean. What does not divide goes round, and sums are exact.
 * Limits: 254 frames a stack, 1,024 characters a name, 500,000 entries a table.
 * Loss: stacks that find no room are counted in lostAgent, cut ones in truncated.
 */
export class ChunkTables {
  readonly #taskId: string;
  readonly #kind: ProfileKind;
  readonly #strings = new Map<string, number>();
  readonly #frames = new Map<string, number>();
  readonly #stacks = new Map<string, number>();
  readonly #threads = new Map<string, number>();
  #sizes = { strings: 0, frames: 0, stacks: 0, threads: 0 };
  #next = 0;
  readonly #startedAtMs: number;
  /** What a process counted last, by its id. */
  readonly #spans = new Map<string, Span>();
  readonly #weightDealer = new Dealer();
  readonly #waitDealer = new Dealer();

  constructor(taskId: string, kind: ProfileKind, startedAtMs: number) {
    this.#taskId = taskId;
    this.#kind = kind;
    this.#startedAtMs = startedAtMs;
  }

  /** Goes on behind chunks that were stored before this process started; in order. */
  resume(chunk: ProfileChunk, processIds: Iterable<string>): void {
    this.#next = chunk.number + 1;
    this.#sizes = {
      strings: chunk.stringsBase + chunk.strings.length,
      frames: chunk.framesBase + chunk.frames.length,
      stacks: chunk.stacksBase + chunk.stacks.length,
      threads: chunk.threadsBase + chunk.threads.length,
    };
    const untilMs = Number(chunk.startUnixMs) + chunk.seconds * 1000;
    for (const id of processIds) this.#spans.set(id, { untilMs, seconds: chunk.seconds });
  }

  /** Chunks of what an agent counted until `atMs`. */
  write(atMs: number, data: readonly RoverStacks[]): ProfileChunk[] {
    for (const { process: { id } } of data) this.#spans.set(id, this.#spanUntil(atMs, id));
    const seconds = Math.max(1, ...data.map(({ process: { id } }) => this.#spans.get(id)!.seconds));
    const chunks: ProfileChunk[] = [];
    let chunk = new OpenChunk(atMs - seconds * 1000, seconds, { ...this.#sizes });
    for (const datum of data) {
      this.#add(chunk, datum);
      if (chunk.bytes < fullBytes) continue;
      chunks.push(this.#close(chunk));
      chunk = new OpenChunk(chunk.startMs, seconds, { ...this.#sizes });
    }
    if (chunk.taken > 0n) chunks.push(this.#close(chunk));
    return chunks;
  }

  /** The seconds that a process counted: since it last sent, since the start of the task, and five at most. */
  #spanUntil(atMs: number, processId: string): Span {
    const last = this.#spans.get(processId);
    if (last?.untilMs === atMs) return last;
    // The clock of an agent may have gone back.
    const sinceMs = last !== undefined && last.untilMs < atMs ? last.untilMs : this.#startedAtMs;
    const seconds = Math.round((atMs - sinceMs) / 1000);
    return { untilMs: atMs, seconds: Math.min(countedSeconds, Math.max(1, seconds)) };
  }

  #add(chunk: OpenChunk, { process, stacks, weight, waits }: RoverStacks): void {
    if (!(weight > 0) || !(waits >= 0)) return;
    const samples = BigInt(this.#kind === ProfileKind.OFF_CPU ? waits : weight);
    chunk.taken += samples;
    if (this.#isFull()) {
      chunk.lost += samples;
      return;
    }
    if (this.#sizes.strings === 0) this.#string(chunk, "");
    const { stack, isCut } = this.#stack(chunk, stacks);
    if (isCut) chunk.truncated += samples;
    chunk.stored += samples;
    const { seconds } = this.#spans.get(process.id)!;
    chunk.spread({
      ...{ stack, thread: this.#thread(chunk, process) },
      ...{ weights: this.#weightDealer.deal(weight, seconds), waits: this.#waitDealer.deal(waits, seconds) },
    });
  }

  #close(chunk: OpenChunk): ProfileChunk {
    const count = chunk.sampleStacks.length;
    return create(ProfileChunkSchema, {
      ...{ taskId: this.#taskId, kind: this.#kind, number: this.#next++ },
      ...{ startUnixMs: BigInt(chunk.startMs), seconds: chunk.seconds },
      ...{ stringsBase: chunk.bases.strings, framesBase: chunk.bases.frames },
      ...{ stacksBase: chunk.bases.stacks, threadsBase: chunk.bases.threads },
      ...{ strings: chunk.strings, frames: chunk.frames, stacks: chunk.stacks, threads: chunk.threads },
      ...{ sampleStacks: chunk.sampleStacks, sampleThreads: chunk.sampleThreads },
      sampleSeconds: chunk.sampleSeconds,
      sampleWeights: chunk.sampleWeights,
      loss: { taken: chunk.taken, stored: chunk.stored, lostAgent: chunk.lost, truncated: chunk.truncated },
      ...this.#kind === ProfileKind.OFF_CPU && {
        sampleWaits: chunk.sampleWaits,
        sampleRunQueueNs: new Array<bigint>(count).fill(0n),
        sampleStates: new Array<WaitState>(count).fill(WaitState.OTHER),
        switches: { switches: chunk.taken, picked: chunk.taken },
      },
    });
  }

  #isFull(): boolean {
    return Math.max(this.#sizes.strings, this.#sizes.frames, this.#sizes.stacks) > mostEntries;
  }

  #stack(chunk: OpenChunk, stacks: readonly EBPFProfilingStackMetadata[]): { stack: number; isCut: boolean } {
    const named = nameFrames(stacks);
    const { isCut } = named;
    const frames = named.frames.map((frame) => this.#frame(chunk, frame));
    const key = frames.join();
    const known = this.#stacks.get(key);
    if (known !== undefined) return { stack: known, isCut };
    this.#stacks.set(key, this.#sizes.stacks);
    chunk.stacks.push({ frames });
    chunk.bytes += 8 + frames.length * 3;
    return { stack: this.#sizes.stacks++, isCut };
  }

  #frame(chunk: OpenChunk, { kind, name }: NamedFrame): number {
    const key = `${kind} ${name}`;
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    const module = kind === FrameKind.KERNEL ? this.#string(chunk, "[kernel]") : 0;
    chunk.frames.push({ kind, function: this.#string(chunk, name), module });
    chunk.bytes += 24;
    this.#frames.set(key, this.#sizes.frames);
    return this.#sizes.frames++;
  }

  #string(chunk: OpenChunk, text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    chunk.strings.push(text);
    chunk.bytes += text.length * 3 + 4;
    this.#strings.set(text, this.#sizes.strings);
    return this.#sizes.strings++;
  }

  #thread(chunk: OpenChunk, { id, pid }: { readonly id: string; readonly pid: number }): number {
    const known = this.#threads.get(id);
    if (known !== undefined) return known;
    chunk.threads.push({ tid: pid, name: threadName, processId: id });
    chunk.bytes += 160;
    this.#threads.set(id, this.#sizes.threads);
    return this.#sizes.threads++;
  }
}

/** A chunk that is being filled. */
class OpenChunk {
  readonly startMs: number;
  readonly seconds: number;
  readonly bases: {
    readonly strings: number;
    readonly frames: number;
    readonly stacks: number;
    readonly threads: number;
  };
  readonly strings: string[] = [];
  readonly frames: MessageInitShape<typeof FrameSchema>[] = [];
  readonly stacks: MessageInitShape<typeof StackSchema>[] = [];
  readonly threads: MessageInitShape<typeof ThreadSchema>[] = [];
  readonly sampleStacks: number[] = [];
  readonly sampleThreads: number[] = [];
  readonly sampleSeconds: number[] = [];
  readonly sampleWeights: bigint[] = [];
  readonly sampleWaits: bigint[] = [];
  taken = 0n;
  stored = 0n;
  lost = 0n;
  truncated = 0n;
  bytes = 0;

  constructor(startMs: number, seconds: number, bases: OpenChunk["bases"]) {
    this.startMs = startMs;
    this.seconds = seconds;
    this.bases = bases;
  }

  /** Adds a sample for each of the last seconds of the chunk that got any of it. */
  spread({ stack, thread, weights, waits }: SpreadSample): void {
    const seconds = weights.length;
    for (let second = 0; second < seconds; second++) {
      const share = weights[second]!;
      const waitShare = waits[second]!;
      if (share === 0 && waitShare === 0) continue;
      this.sampleStacks.push(stack);
      this.sampleThreads.push(thread);
      this.sampleSeconds.push(this.seconds - seconds + second);
      this.sampleWeights.push(BigInt(share));
      this.sampleWaits.push(BigInt(waitShare));
      this.bytes += 32;
    }
  }
}

/** What one stack of one process got of each second. */
interface SpreadSample {
  readonly stack: number;
  readonly thread: number;
  readonly weights: readonly number[];
  readonly waits: readonly number[];
}

/** How long a process counted, and until when. */
interface Span {
  readonly untilMs: number;
  readonly seconds: number;
}

/** Shares counts out to seconds in whole numbers; what does not divide goes on where the last one ended. */
class Dealer {
  #next = 0;

  deal(count: number, seconds: number): number[] {
    const shares = new Array<number>(seconds).fill(Math.floor(count / seconds));
    for (let rest = count % seconds; rest > 0; rest--) shares[this.#next++ % seconds]! += 1;
    return shares;
  }
}
