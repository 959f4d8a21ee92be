import { create } from "@bufbuild/protobuf";
import {
  type EBPFProfilingData,
  EBPFProfilingDataSchema,
  EBPFProfilingStackType,
} from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { type Frame, FrameKind, type ProfileChunk } from "../../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";

/** What one chunk adds for one process. */
export interface ProcessStacks {
  readonly processId: string;
  readonly data: readonly EBPFProfilingData[];
}

/** A stack as an OAP wants it: two lists of names, leaf first, each with a number of its own. */
interface NamedStack {
  readonly kernel: NumberedNames;
  readonly user: NumberedNames;
}

interface NumberedNames {
  /** From 1; the same names have the same number throughout the task. 0 for no names. */
  readonly number: number;
  readonly names: readonly string[];
}

interface Sum {
  readonly stack: NamedStack;
  weight: number;
  waits: number;
}

const noNames: NumberedNames = { number: 0, names: [] };
const mostInt32 = 2 ** 31 - 1;

/**
 * Turns the chunks of one task and kind into what an OAP takes: each pair of kernel and user names of a process once a
 * chunk, whatever addresses, threads and seconds it came from. An OAP counts two records with the same names and count as
 * one, so they must not be apart.
 *
 * Shape: chunks in order; those of one task and kind only.
 */
export class StackData {
  readonly #strings: string[] = [];
  readonly #frames: Frame[] = [];
  readonly #stacks: NamedStack[] = [];
  readonly #threads: string[] = [];
  /** Numbers of lists of names, by type and the numbers of the strings in them. */
  readonly #numbers = new Map<string, number>();

  /** Takes the next chunk. A sample whose tables were in a chunk that never came is left out. */
  add(chunk: ProfileChunk): ProcessStacks[] {
    place(this.#strings, chunk.stringsBase, chunk.strings);
    place(this.#frames, chunk.framesBase, chunk.frames);
    place(this.#stacks, chunk.stacksBase, chunk.stacks.map(({ frames }) => this.#name(frames)));
    place(this.#threads, chunk.threadsBase, chunk.threads.map(({ processId }) => processId));
    const processes = new Map<string, Map<string, Sum>>();
    for (const [index, stackIndex] of chunk.sampleStacks.entries()) {
      const stack = this.#stacks[stackIndex];
      const processId = this.#threads[chunk.sampleThreads[index] ?? -1];
      if (stack === undefined || processId === undefined) continue;
      const sums = processes.get(processId) ?? new Map<string, Sum>();
      processes.set(processId, sums);
      const key = `${stack.kernel.number}_${stack.user.number}`;
      const sum = sums.get(key) ?? { stack, weight: 0, waits: 0 };
      sums.set(key, sum);
      sum.weight += Number(chunk.sampleWeights[index] ?? 0n);
      sum.waits += Number(chunk.sampleWaits[index] ?? 0n);
    }
    return [...processes].map(([processId, sums]) => ({
      processId,
      data: [...sums.values()].map((sum) => toData(sum, chunk.kind)),
    }));
  }

  #name(frames: readonly number[]): NamedStack {
    const found = frames.flatMap((index) => this.#frames[index] ?? []);
    const kernel = found.filter(({ kind }) => kind === FrameKind.KERNEL);
    const user = found.filter(({ kind }) => kind !== FrameKind.KERNEL);
    const named = { kernel: this.#number("k", kernel), user: this.#number("u", user) };
    return found.length === 0 ? { ...named, user: this.#takeNumber("u", ["[unknown]"]) } : named;
  }

  #number(type: string, frames: readonly Frame[]): NumberedNames {
    if (frames.length === 0) return noNames;
    const key = type +
      frames.map((frame) =>
        frame.function === 0 ? `${frame.module}+${frame.address.toString(36)}` : frame.function.toString(36)
      ).join(",");
    return this.#takeNumber(key, frames.map((frame) => this.#nameOf(frame)));
  }

  #takeNumber(key: string, names: readonly string[]): NumberedNames {
    const number = this.#numbers.get(key) ?? this.#numbers.size + 1;
    this.#numbers.set(key, number);
    return { number, names };
  }

  #nameOf({ function: name, module, address }: Frame): string {
    if (name !== 0) return this.#strings[name] ?? "";
    const file = this.#strings[module] ?? "";
    return `${file === "" ? "[unknown]" : file.slice(file.lastIndexOf("/") + 1)}+0x${address.toString(16)}`;
  }
}

function toData({ stack: { kernel, user }, weight, waits }: Sum, kind: ProfileKind): EBPFProfilingData {
  const stacks = [
    { stackType: EBPFProfilingStackType.PROCESS_KERNEL_SPACE, names: kernel },
    { stackType: EBPFProfilingStackType.PROCESS_USER_SPACE, names: user },
  ].filter(({ names }) => names.number > 0).map(({ stackType, names: { number, names } }) => ({
    ...{ stackType, stackId: number, stackSymbols: [...names] },
  }));
  return create(EBPFProfilingDataSchema, {
    profiling: kind === ProfileKind.OFF_CPU
      ? {
        case: "offCPU",
        value: { stacks, switchCount: Math.min(waits, mostInt32), duration: BigInt(weight) },
      }
      : { case: "onCPU", value: { stacks, dumpCount: Math.min(weight, mostInt32) } },
  });
}

/** Puts entries where the chunk says they belong: what was lost before leaves a gap. */
function place<T>(table: T[], base: number, entries: readonly T[]): void {
  for (const [index, entry] of entries.entries()) table[base + index] = entry;
}
