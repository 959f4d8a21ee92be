import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type EBPFProfilingStackMetadata,
  EBPFProfilingStackType as StackType,
} from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
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
const longestSymbol = 1_024;
const mostFrames = 254;
const mostEntries = 500_000;
/** With one more stack of the longest names a chunk stays below the 1 MiB that a record may have. */
const fullBytes = 256 * 1024;

/**
 * Makes the chunks of one profile out of named stacks.
 * Shape: tables as ProfileChunk has them; a sample's second is the last of its chunk, as the agent counts over its whole
 * interval of about five seconds.
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
  /** Until when the last chunk counted. */
  #untilMs: number;

  constructor(taskId: string, kind: ProfileKind, startedAtMs: number) {
    this.#taskId = taskId;
    this.#kind = kind;
    this.#untilMs = startedAtMs;
  }

  /** Goes on behind chunks that were stored before this process started; in order. */
  resume(chunk: ProfileChunk): void {
    this.#next = chunk.number + 1;
    this.#sizes = {
      strings: chunk.stringsBase + chunk.strings.length,
      frames: chunk.framesBase + chunk.frames.length,
      stacks: chunk.stacksBase + chunk.stacks.length,
      threads: chunk.threadsBase + chunk.threads.length,
    };
    this.#untilMs = Math.max(this.#untilMs, Number(chunk.startUnixMs) + chunk.seconds * 1000);
  }

  /** Chunks of what an agent counted until `atMs`. */
  write(atMs: number, data: readonly RoverStacks[]): ProfileChunk[] {
    const startMs = Math.min(this.#untilMs, atMs);
    // An agent that was away sends late what it counted; a chunk is a minute at most.
    const seconds = Math.min(60, Math.max(1, Math.round((atMs - startMs) / 1000)));
    const chunks: ProfileChunk[] = [];
    let chunk = new OpenChunk(atMs - seconds * 1000, seconds, { ...this.#sizes });
    for (const datum of data) {
      this.#add(chunk, datum);
      if (chunk.bytes < fullBytes) continue;
      chunks.push(this.#close(chunk));
      chunk = new OpenChunk(chunk.startMs, seconds, { ...this.#sizes });
    }
    if (chunk.taken > 0n) chunks.push(this.#close(chunk));
    this.#untilMs = Math.max(this.#untilMs, atMs);
    return chunks;
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
    chunk.sampleStacks.push(stack);
    chunk.sampleThreads.push(this.#thread(chunk, process));
    chunk.sampleWeights.push(BigInt(weight));
    chunk.sampleWaits.push(BigInt(waits));
    chunk.bytes += 32;
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
      sampleSeconds: new Array<number>(count).fill(chunk.seconds - 1),
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
    const parts = [FrameKind.KERNEL, FrameKind.USER].flatMap((kind) => {
      const type = kind === FrameKind.KERNEL ? StackType.PROCESS_KERNEL_SPACE : StackType.PROCESS_USER_SPACE;
      const symbols = stacks.find(({ stackType }) => stackType === type)?.stackSymbols ?? [];
      return symbols.slice(0, mostFrames).map((symbol) => this.#frame(chunk, kind, symbol));
    });
    const frames = parts.slice(0, mostFrames);
    const key = frames.join();
    const known = this.#stacks.get(key);
    const isCut = parts.length > mostFrames ||
      stacks.some(({ stackSymbols }) => stackSymbols.length > mostFrames);
    if (known !== undefined) return { stack: known, isCut };
    this.#stacks.set(key, this.#sizes.stacks);
    chunk.stacks.push({ frames });
    chunk.bytes += 8 + frames.length * 3;
    return { stack: this.#sizes.stacks++, isCut };
  }

  #frame(chunk: OpenChunk, kind: FrameKind, symbol: string): number {
    const name = symbol.slice(0, longestSymbol);
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
}
