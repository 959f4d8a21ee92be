import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Frame,
  FrameKind,
  type FrameSchema,
  type NameNote,
  type Profile,
  type ProfileChunk,
  ProfileSchema,
  type Stack,
  StackEnd,
  type StackSchema,
  type SwitchCounts,
  type Thread,
  type ThreadSchema,
  type WaitingThread,
  type WaitState,
} from "../../gen/stakeout/v1/profile_pb.ts";
import { type LossCounts, ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { QualitySum } from "./quality_sum.ts";

/** Which part of which profile. */
export interface ProfileRange {
  readonly taskId: string;
  readonly kind: ProfileKind;
  readonly taskStartMs: number;
  /** Seconds since the task's start, half open; 0, 0 is all. */
  readonly fromSecond: number;
  readonly toSecond: number;
}

const tableLimit = 2_000_000;
const stateLimit = 8;
const secondsLimit = 4_000;
/** Two processes have seven kinds each. */
const notesLimit = 14;
/** Frames of a stack that a missing chunk would have brought: one that is in no table. */
const lostStack: readonly number[] = [tableLimit];

/** What one thread spent on one stack; `waits` and `runQueueNs` off-CPU only. */
interface SampleSums {
  weight: number;
  waits: number;
  runQueueNs: number;
}

/** Joins the chunks of one profile, given in order, into one profile over a range of seconds. */
export class ProfileMerger {
  readonly #range: ProfileRange;
  readonly #strings: string[] = [];
  readonly #frames: Frame[] = [];
  readonly #stacks: Stack[] = [];
  readonly #threads: Thread[] = [];
  /** By stack, thread and state: `(stack * tableLimit + thread) * stateLimit + state`. */
  readonly #sums = new Map<number, SampleSums>();
  readonly #seconds: SampleSums[] = [];
  readonly #notes: NameNote[] = [];
  readonly #loss = { taken: 0n, stored: 0n, lostKernel: 0n, lostAgent: 0n, truncated: 0n };
  readonly #switches = { switches: 0n, involuntary: 0n, picked: 0n, brief: 0n, briefNs: 0n };
  #waiting: readonly WaitingThread[] = [];
  #nextNumber = 0;
  #endSecond = 0;
  #missing = 0;

  constructor(range: ProfileRange) {
    this.#range = range;
  }

  /** Adds the next chunk. One whose tables do not follow from what came before is left out as missing. */
  add(chunk: ProfileChunk): void {
    const start = Math.round((Number(chunk.startUnixMs) - this.#range.taskStartMs) / 1000);
    this.#noteGap(chunk.number, start);
    if (this.#notes.length < notesLimit) this.#notes.push(...chunk.nameNotes);
    const fits = place(this.#strings, chunk.stringsBase, chunk.strings) &&
      place(this.#frames, chunk.framesBase, chunk.frames) &&
      place(this.#stacks, chunk.stacksBase, chunk.stacks) &&
      place(this.#threads, chunk.threadsBase, chunk.threads);
    if (!fits) {
      this.#missing++;
      return;
    }
    this.#addSamples(chunk, start);
    this.#endSecond = start + chunk.seconds;
    if (!this.#overlaps(start, this.#endSecond)) return;
    addLoss(this.#loss, chunk.loss);
    addSwitches(this.#switches, chunk.switches);
    this.#waiting = chunk.waiting;
  }

  /** The profile with only what its samples use. */
  finish(): Profile {
    const quality = new QualitySum(this.#strings, this.#frames);
    const used = new UsedTables(this.#strings, this.#frames, this.#stacks, this.#threads);
    const sampleStacks: number[] = [];
    const sampleThreads: number[] = [];
    const sampleStates: WaitState[] = [];
    for (const [key, { weight, waits }] of this.#sums) {
      const pair = Math.floor(key / stateLimit);
      const stack = Math.floor(pair / tableLimit);
      quality.add(this.#stacks[stack], this.#range.kind === ProfileKind.OFF_CPU ? waits : weight);
      sampleStacks.push(used.stack(stack));
      sampleThreads.push(used.thread(pair % tableLimit));
      sampleStates.push(key % stateLimit);
    }
    const waiting = this.#waiting.map((one) => ({
      ...{ stack: used.stack(one.stack), thread: used.thread(one.thread) },
      ...{ state: one.state, waitedNs: one.waitedNs },
    }));
    const { taskId, kind, taskStartMs } = this.#range;
    const sums = [...this.#sums.values()];
    return create(ProfileSchema, {
      taskId,
      kind,
      ...used.tables(),
      sampleStacks,
      sampleThreads,
      sampleWeights: sums.map(({ weight }) => BigInt(weight)),
      secondWeights: this.#seconds.map(({ weight }) => BigInt(weight)),
      ...kind === ProfileKind.OFF_CPU && {
        sampleWaits: sums.map(({ waits }) => BigInt(waits)),
        sampleRunQueueNs: sums.map(({ runQueueNs }) => BigInt(runQueueNs)),
        sampleStates,
        secondWaits: this.#seconds.map(({ waits }) => BigInt(waits)),
        secondRunQueueNs: this.#seconds.map(({ runQueueNs }) => BigInt(runQueueNs)),
        switches: this.#switches,
        waiting,
      },
      startUnixMs: BigInt(taskStartMs),
      loss: this.#loss,
      missingChunks: this.#missing,
      nameNotes: this.#notes,
      quality: quality.finish(),
    });
  }

  #noteGap(number: number, startSecond: number): void {
    if (number > this.#nextNumber && this.#overlaps(this.#endSecond, startSecond)) {
      this.#missing += number - this.#nextNumber;
    }
    this.#nextNumber = number + 1;
  }

  #addSamples(chunk: ProfileChunk, start: number): void {
    for (let index = 0; index < chunk.sampleStacks.length; index++) {
      const second = start + (chunk.sampleSeconds[index] ?? 0);
      const sums: SampleSums = {
        weight: Number(chunk.sampleWeights[index] ?? 0n),
        waits: Number(chunk.sampleWaits[index] ?? 0n),
        runQueueNs: Number(chunk.sampleRunQueueNs[index] ?? 0n),
      };
      if (second >= 0 && second < secondsLimit) {
        while (this.#seconds.length <= second) this.#seconds.push({ weight: 0, waits: 0, runQueueNs: 0 });
        addSums(this.#seconds[second]!, sums);
      }
      const stack = chunk.sampleStacks[index] ?? 0;
      const thread = chunk.sampleThreads[index] ?? 0;
      if (!this.#overlaps(second, second + 1) || stack >= tableLimit || thread >= tableLimit) continue;
      const state = Math.min(chunk.sampleStates[index] ?? 0, stateLimit - 1);
      const key = (stack * tableLimit + thread) * stateLimit + state;
      const known = this.#sums.get(key);
      if (known === undefined) this.#sums.set(key, sums);
      else addSums(known, sums);
    }
  }

  /** Whether a span of seconds lies within the range at least in part. */
  #overlaps(from: number, to: number): boolean {
    const { fromSecond, toSecond } = this.#range;
    return toSecond === 0 ? to > fromSecond : from < toSecond && to > fromSecond;
  }
}

/** Renumbers what is used, so that a short range does not carry the whole task's tables. */
class UsedTables {
  readonly #source: { strings: string[]; frames: Frame[]; stacks: Stack[]; threads: Thread[] };
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #frames = new Map<number, number>();
  readonly #stacks = new Map<number, number>();
  readonly #threads = new Map<number, number>();
  readonly #frameTable: MessageInitShape<typeof FrameSchema>[] = [];
  readonly #stackTable: MessageInitShape<typeof StackSchema>[] = [];
  readonly #threadTable: MessageInitShape<typeof ThreadSchema>[] = [];

  constructor(strings: string[], frames: Frame[], stacks: Stack[], threads: Thread[]) {
    this.#source = { strings, frames, stacks, threads };
  }

  stack(index: number): number {
    return number(this.#stacks, index, () => {
      const { frames, end } = this.#source.stacks[index] ?? { frames: lostStack, end: StackEnd.UNSPECIFIED };
      this.#stackTable.push({ frames: frames.map((frame) => this.#frame(frame)), end });
    });
  }

  thread(index: number): number {
    return number(this.#threads, index, () => {
      const thread = this.#source.threads[index];
      this.#threadTable.push(thread ?? { name: "[lost]" });
    });
  }

  tables() {
    return {
      strings: [...this.#strings.keys()],
      frames: this.#frameTable,
      stacks: this.#stackTable,
      threads: this.#threadTable,
    };
  }

  #frame(index: number): number {
    return number(this.#frames, index, () => {
      const frame = this.#source.frames[index];
      if (frame === undefined) {
        this.#frameTable.push({ kind: FrameKind.UNSPECIFIED, function: this.#string("[lost]") });
        return;
      }
      const name = this.#string(this.#source.strings[frame.function] ?? "");
      const module = this.#string(this.#source.strings[frame.module] ?? "");
      const file = this.#string(this.#source.strings[frame.file] ?? "");
      const { kind, address, line, inlined, runtime, startLine } = frame;
      const place = { file, line, startLine };
      this.#frameTable.push({ kind, function: name, module, address, ...place, inlined, runtime });
    });
  }

  #string(text: string): number {
    return number(this.#strings, text, () => {});
  }
}

/** The number of a key, given in the order of first use; `append` is called for a new one. */
function number<Key>(numbers: Map<Key, number>, key: Key, append: () => void): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  append();
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}

/** Writes the new entries of a table from `base` on; what a missing chunk would have brought stays absent. */
function place<T>(table: T[], base: number, entries: readonly T[]): boolean {
  if (base + entries.length > tableLimit) return false;
  entries.forEach((entry, index) => table[base + index] = entry);
  return true;
}

function addLoss(
  sum: { [K in "taken" | "stored" | "lostKernel" | "lostAgent" | "truncated"]: bigint },
  loss?: LossCounts,
) {
  if (loss === undefined) return;
  sum.taken += loss.taken;
  sum.stored += loss.stored;
  sum.lostKernel += loss.lostKernel;
  sum.lostAgent += loss.lostAgent;
  sum.truncated += loss.truncated;
}

function addSums(sum: SampleSums, more: SampleSums): void {
  sum.weight += more.weight;
  sum.waits += more.waits;
  sum.runQueueNs += more.runQueueNs;
}

function addSwitches(
  sum: { [K in "switches" | "involuntary" | "picked" | "brief" | "briefNs"]: bigint },
  more?: SwitchCounts,
): void {
  if (more === undefined) return;
  sum.switches += more.switches;
  sum.involuntary += more.involuntary;
  sum.picked += more.picked;
  sum.brief += more.brief;
  sum.briefNs += more.briefNs;
}
