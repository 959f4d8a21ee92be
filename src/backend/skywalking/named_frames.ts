import {
  type EBPFProfilingStackMetadata,
  EBPFProfilingStackType as StackType,
} from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import { type Frame, FrameKind, type ProfileChunk } from "../../gen/stakeout/v1/profile_pb.ts";

/** One frame of a stack of SkyWalking's agent, as chunks hold it. */
export interface NamedFrame {
  readonly kind: FrameKind;
  readonly name: string;
}

const longestSymbol = 1_024;
const mostFrames = 254;

/** Kernel and user frames, leaf first, of which 254 are kept with 1,024 characters of each name. */
export function nameFrames(
  stacks: readonly EBPFProfilingStackMetadata[],
): { frames: NamedFrame[]; isCut: boolean } {
  const all = [FrameKind.KERNEL, FrameKind.USER].flatMap((kind) => {
    const type = kind === FrameKind.KERNEL ? StackType.PROCESS_KERNEL_SPACE : StackType.PROCESS_USER_SPACE;
    const symbols = stacks.find(({ stackType }) => stackType === type)?.stackSymbols ?? [];
    return symbols.slice(0, mostFrames).map((symbol) => ({ kind, name: symbol.slice(0, longestSymbol) }));
  });
  const isCut = all.length > mostFrames ||
    stacks.some(({ stackSymbols }) => stackSymbols.length > mostFrames);
  return { frames: all.slice(0, mostFrames), isCut };
}

/** One text for all names of a stack. */
export function joinNames(frames: readonly NamedFrame[]): string {
  return frames.map(({ kind, name }) => `${kind}${name}`).join("\n");
}

/** The names in chunks that were stored; chunks come in order, what a missing one would have brought is unnamed. */
export class StoredNames {
  readonly #strings: string[] = [];
  readonly #frames: Frame[] = [];
  readonly #stacks: (readonly number[])[] = [];
  readonly #processIds: string[] = [];

  add(chunk: ProfileChunk): void {
    place(this.#strings, chunk.stringsBase, chunk.strings);
    place(this.#frames, chunk.framesBase, chunk.frames);
    place(this.#stacks, chunk.stacksBase, chunk.stacks.map(({ frames }) => frames));
    place(this.#processIds, chunk.threadsBase, chunk.threads.map(({ processId }) => processId));
  }

  /** Each stack of each process in a chunk that was added, once. */
  *of({ sampleStacks, sampleThreads }: ProfileChunk): Generator<{ processId: string; names: string }> {
    const pairs = new Set(sampleStacks.map((stack, index) => `${sampleThreads[index] ?? 0} ${stack}`));
    for (const pair of pairs) {
      const [thread = 0, stack = 0] = pair.split(" ").map(Number);
      const frames = (this.#stacks[stack] ?? []).map((frame) => this.#nameOf(frame));
      yield { processId: this.processOf(thread), names: joinNames(frames) };
    }
  }

  processOf(thread: number): string {
    return this.#processIds[thread] ?? "";
  }

  #nameOf(index: number): NamedFrame {
    const frame = this.#frames[index];
    return {
      kind: frame?.kind ?? FrameKind.UNSPECIFIED,
      name: this.#strings[frame?.function ?? 0] ?? "",
    };
  }
}

function place<T>(table: T[], base: number, entries: readonly T[]): void {
  for (const [index, entry] of entries.entries()) table[base + index] = entry;
}
