import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Frame,
  FrameKind,
  FrameSchema,
  type NameNote as WireNameNote,
  NameNoteKind,
  NameNoteSchema,
  type ProfileChunk,
  ProfileChunkSchema,
  StackEnd,
  StackSchema,
  SwitchCountsSchema,
  ThreadSchema,
  WaitingThreadSchema,
  type WaitState,
} from "../../gen/stakeout/v1/profile_pb.ts";
import type { NameNote } from "../../../lib/symbol/name_notes.ts";
import { LossCountsSchema, type ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import type { NamedFrame } from "../names/resolver.ts";

/** Largest chunk on the wire, encoded. */
export const maxChunkBytes = 1 << 20;
/** UTF-16 units kept of a function's name, a module's and a source file's; what is longer is cut. */
const maxFunctionLength = 480;
const maxModuleLength = 320;
const maxFileLength = 200;
const maxStackFrames = 254;
/**
 * Estimated fill at which a chunk is closed and the rest goes into the next one. The estimate is an upper bound and
 * the largest single stack (254 frames of three longest names) adds 770 KB, so that a chunk stays under its maximum.
 */
const closeAtBytes = 256 << 10;

/** Counts of one chunk alone. */
export interface ChunkCounts {
  readonly loss: MessageInitShape<typeof LossCountsSchema>;
  /** Off-CPU only. */
  readonly switches?: MessageInitShape<typeof SwitchCountsSchema> | undefined;
}

/** Weights of one sample: `weight` alone on-CPU. */
export interface ChunkWeights {
  readonly weight: number;
  /** Off-CPU, where `weight` is nanoseconds blocked. */
  readonly wait?: { readonly state: WaitState; readonly waits: number; readonly runQueueNs: number };
}

/**
 * Turns named stacks and per-second weights of one (task, kind) into wire chunks: each table entry is sent once,
 * in the chunk that first needs it, and indexes go on counting from chunk to chunk.
 *
 * Units: weights in samples, or nanoseconds off-CPU; seconds relative to the chunk's start.
 * Limits: a chunk encodes to at most 1 MiB; what does not fit goes into further chunks of the same seconds.
 */
export class ChunkBuilder {
  readonly #taskId: string;
  readonly #kind: ProfileKind;
  readonly #strings = new Map<string, number>();
  readonly #frames = new Map<string, number>();
  readonly #stacks = new Map<string, number>();
  readonly #threads = new Map<string, number>();
  readonly #notes = new Set<string>();
  readonly #closed: ProfileChunk[] = [];
  #threadCount = 0;
  #number = 0;
  #chunk: ProfileChunk;
  #bytes = 0;
  #startUnixMs = 0;
  #seconds = 0;

  constructor(taskId: string, kind: ProfileKind) {
    this.#taskId = taskId;
    this.#kind = kind;
    this.#chunk = this.#emptyChunk();
    this.#string("");
  }

  /** Begins the chunk of the next seconds. */
  begin(startUnixMs: number, seconds: number): void {
    this.#startUnixMs = startUnixMs;
    this.#seconds = seconds;
    this.#chunk.startUnixMs = BigInt(Math.round(startUnixMs));
    this.#chunk.seconds = seconds;
  }

  /** True when this stack was sent already, so that it need not be named again. */
  hasStack(key: string): boolean {
    return this.#stacks.has(key);
  }

  /** Adds a stack's frames, leaf first, and how its walk ended; `key` identifies it within the task. */
  addStack(key: string, frames: readonly NamedFrame[], end: StackEnd = StackEnd.UNSPECIFIED): void {
    if (this.#stacks.has(key)) return;
    const indexes = limitStack(frames).map((frame) => this.#frame(frame));
    this.#stacks.set(key, this.#stacks.size);
    this.#chunk.stacks.push(create(StackSchema, { frames: indexes, end }));
    this.#spend(8 + indexes.length * 5);
  }

  /** Adds or renames a thread; a new name of a known thread becomes a new entry. */
  addThread(key: string, thread: { tid: number; name: string; processId: string }): void {
    this.#threads.set(key, this.#threadCount++);
    this.#chunk.threads.push(create(ThreadSchema, thread));
    this.#spend(24 + thread.name.length * 3 + thread.processId.length);
  }

  /** True when the thread has an entry. */
  hasThread(key: string): boolean {
    return this.#threads.has(key);
  }

  /** Adds what is missing of a process's names, unless that was said before. */
  addNameNote(processId: string, { kind, mapWrittenUnixMs }: NameNote): void {
    const key = `${kind} ${processId}`;
    if (this.#notes.has(key)) return;
    this.#notes.add(key);
    const note: WireNameNote = create(NameNoteSchema, {
      processId,
      kind: wireNotes[kind],
      mapWrittenUnixMs: BigInt(mapWrittenUnixMs),
    });
    this.#chunk.nameNotes.push(note);
    this.#spend(16 + processId.length);
  }

  /** Adds a weight. @throws {RangeError} when stack or thread were not added before. */
  addSample(stackKey: string, threadKey: string, second: number, { weight, wait }: ChunkWeights): void {
    const stack = index(this.#stacks, stackKey);
    const thread = index(this.#threads, threadKey);
    this.#chunk.sampleStacks.push(stack);
    this.#chunk.sampleThreads.push(thread);
    this.#chunk.sampleSeconds.push(second);
    this.#chunk.sampleWeights.push(BigInt(weight));
    if (wait !== undefined) {
      this.#chunk.sampleWaits.push(BigInt(wait.waits));
      this.#chunk.sampleRunQueueNs.push(BigInt(wait.runQueueNs));
      this.#chunk.sampleStates.push(wait.state);
    }
    this.#spend(wait === undefined ? 16 : 40);
  }

  /** Adds a thread that waits at the end of these seconds. @throws {RangeError} when stack or thread were not added before. */
  addWaiting(stackKey: string, threadKey: string, waiting: { state: WaitState; waitedNs: number }): void {
    this.#chunk.waiting.push(create(WaitingThreadSchema, {
      stack: index(this.#stacks, stackKey),
      thread: index(this.#threads, threadKey),
      state: waiting.state,
      waitedNs: BigInt(waiting.waitedNs),
    }));
    this.#bytes += 24;
  }

  /** Ends the chunk of these seconds and returns it, with those that were closed because they were full before it. */
  finish(counts: ChunkCounts, last: boolean): ProfileChunk[] {
    this.#chunk.loss = create(LossCountsSchema, counts.loss);
    if (counts.switches !== undefined) this.#chunk.switches = create(SwitchCountsSchema, counts.switches);
    this.#chunk.last = last;
    this.#close();
    return this.#closed.splice(0);
  }

  #close(): void {
    this.#closed.push(this.#chunk);
    this.#number++;
    this.#chunk = this.#emptyChunk();
    this.#bytes = 0;
  }

  #emptyChunk(): ProfileChunk {
    return create(ProfileChunkSchema, {
      taskId: this.#taskId,
      kind: this.#kind,
      number: this.#number,
      startUnixMs: BigInt(Math.round(this.#startUnixMs)),
      seconds: this.#seconds,
      stringsBase: this.#strings.size,
      framesBase: this.#frames.size,
      stacksBase: this.#stacks.size,
      threadsBase: this.#threadCount,
      loss: create(LossCountsSchema),
    });
  }

  #spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= closeAtBytes) this.#close();
  }

  #string(cut: string): number {
    const known = this.#strings.get(cut);
    if (known !== undefined) return known;
    this.#strings.set(cut, this.#strings.size);
    this.#chunk.strings.push(cut);
    this.#bytes += 4 + cut.length * 3;
    return this.#strings.size - 1;
  }

  #frame(frame: NamedFrame): number {
    const file = frame.source?.file ?? "";
    const line = frame.source?.line ?? 0;
    const startLine = frame.startLine ?? 0;
    const place = `${file}\0${line}\0${startLine}\0${frame.inlined ?? false}\0${frame.runtime ?? false}`;
    const key = `${frame.kind}\0${frame.address}\0${frame.function}\0${frame.module}\0${place}`;
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    const wire: Frame = create(FrameSchema, {
      kind: wireKinds[frame.kind],
      function: this.#string(cutEnd(frame.function, maxFunctionLength)),
      module: this.#string(cutEnd(frame.module, maxModuleLength)),
      address: frame.address,
      // The end of a path says more than its beginning.
      file: this.#string(file.length > maxFileLength ? `…${file.slice(1 - maxFileLength)}` : file),
      line,
      inlined: frame.inlined ?? false,
      runtime: frame.runtime ?? false,
      startLine,
    });
    this.#frames.set(key, this.#frames.size);
    this.#chunk.frames.push(wire);
    this.#bytes += 50;
    return this.#frames.size - 1;
  }
}

function cutEnd(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** A stack as long as it may be: inlined functions go first, those nearest the root; then what is at the root. */
function limitStack(frames: readonly NamedFrame[]): readonly NamedFrame[] {
  let excess = frames.length - maxStackFrames;
  if (excess <= 0) return frames;
  const limited = frames.toReversed().filter(({ inlined }) => !inlined || excess-- <= 0).toReversed();
  return limited.slice(0, maxStackFrames);
}

const wireKinds: Readonly<Record<NamedFrame["kind"], FrameKind>> = {
  user: FrameKind.USER,
  kernel: FrameKind.KERNEL,
  jit: FrameKind.JIT,
  interpreted: FrameKind.INTERPRETED,
};

const wireNotes: Readonly<Record<NameNote["kind"], NameNoteKind>> = {
  node_map_missing: NameNoteKind.NODE_MAP_MISSING,
  node_interpreted_missing: NameNoteKind.NODE_INTERPRETED_MISSING,
  java_map_missing: NameNoteKind.JAVA_MAP_MISSING,
  java_map_old: NameNoteKind.JAVA_MAP_OLD,
  java_stacks_cut: NameNoteKind.JAVA_STACKS_CUT,
  map_refused: NameNoteKind.MAP_REFUSED,
  map_cut: NameNoteKind.MAP_CUT,
};

function index(table: ReadonlyMap<string, number>, key: string): number {
  const found = table.get(key);
  if (found === undefined) throw new RangeError(`Sample of an unknown stack or thread: ${key}`);
  return found;
}

/** Encoded size of a chunk. */
export function chunkBytes(chunk: ProfileChunk): number {
  return toBinary(ProfileChunkSchema, chunk).length;
}
