import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Frame,
  FrameKind,
  type ModuleWeightSchema,
  type Stack,
  StackEnd,
  type StackQuality,
  StackQualitySchema,
} from "../../gen/stakeout/v1/profile_pb.ts";

const maxModules = 16;
/** The stack is all there, or there is none. */
const uncut = new Set([StackEnd.UNSPECIFIED, StackEnd.WHOLE, StackEnd.FRAME_POINTERS]);

/** Sums how the walks of a profile's stacks ended, and where names are missing. */
export class QualitySum {
  readonly #strings: readonly string[];
  readonly #frames: readonly Frame[];
  readonly #ends = new Map<StackEnd, number>();
  /** By end and module: `end module`. */
  readonly #cutIn = new Map<string, number>();
  readonly #unnamedIn = new Map<string, number>();

  /** Tables of the chunks that the stacks are from. */
  constructor(strings: readonly string[], frames: readonly Frame[]) {
    this.#strings = strings;
    this.#frames = frames;
  }

  /**
   * Adds the weight of a stack; one that a missing chunk would have brought is of unknown quality. A user stack of which nobody
   * told how its walk ended, as of SkyWalking's agents, is not counted.
   */
  add(stack: Stack | undefined, weight: number): void {
    const end = stack?.end ?? StackEnd.UNSPECIFIED;
    if (stack !== undefined && end === StackEnd.UNSPECIFIED && this.#hasUserFrames(stack)) return;
    addTo(this.#ends, end, weight);
    if (stack === undefined) return;
    if (!uncut.has(end)) addTo(this.#cutIn, `${end} ${this.#moduleOf(stack.frames.at(-1))}`, weight);
    for (const module of this.#unnamedModules(stack)) addTo(this.#unnamedIn, module, weight);
  }

  finish(): StackQuality {
    const ends: bigint[] = [];
    for (const [end, weight] of this.#ends) {
      while (ends.length <= end) ends.push(0n);
      ends[end] = BigInt(weight);
    }
    const cutIn = heaviest(this.#cutIn).map(({ key, weight }) => {
      const space = key.indexOf(" ");
      return { module: key.slice(space + 1), weight, end: Number(key.slice(0, space)) };
    });
    const unnamedIn = heaviest(this.#unnamedIn).map(({ key, weight }) => ({ module: key, weight }));
    return create(
      StackQualitySchema,
      { ends, cutIn, unnamedIn } satisfies {
        ends: bigint[];
        cutIn: MessageInitShape<typeof ModuleWeightSchema>[];
        unnamedIn: MessageInitShape<typeof ModuleWeightSchema>[];
      },
    );
  }

  #hasUserFrames({ frames }: Stack): boolean {
    return frames.some((index) => this.#frames[index]?.kind !== FrameKind.KERNEL);
  }

  #unnamedModules({ frames }: Stack): Set<string> {
    const modules = new Set<string>();
    for (const index of frames) {
      const frame = this.#frames[index];
      if (frame !== undefined && frame.function === 0 && frame.kind !== FrameKind.KERNEL) {
        modules.add(this.#moduleOf(index));
      }
    }
    return modules;
  }

  #moduleOf(frame: number | undefined): string {
    return this.#strings[this.#frames[frame ?? -1]?.module ?? 0] ?? "";
  }
}

function addTo<Key>(sums: Map<Key, number>, key: Key, weight: number): void {
  sums.set(key, (sums.get(key) ?? 0) + weight);
}

function heaviest(sums: ReadonlyMap<string, number>): { key: string; weight: bigint }[] {
  return [...sums].sort((one, two) => two[1] - one[1]).slice(0, maxModules)
    .map(([key, weight]) => ({ key, weight: BigInt(weight) }));
}
