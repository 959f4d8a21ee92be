import { StackEnd } from "../../gen/stakeout/v1/profile_pb.ts";
import type { NamedFrame, NameResolver } from "../names/resolver.ts";
import type { FoundPythons } from "../python/find_pythons.ts";
import { mergeFrames } from "../python/merge_frames.ts";
import type { ChunkBuilder } from "./chunk_builder.ts";
import type { StackFrames } from "./stack_reader.ts";

/** Gives the stacks of one profile their names, each once, through the task's naming child. */
export class StackNamer {
  readonly #naming: Promise<NameResolver>;
  readonly #trim: ((frames: NamedFrame[]) => NamedFrame[]) | undefined;
  readonly #leaves = new Map<string, string>();
  #problem = "";
  #notes: NameResolver["notes"] = [];

  /** `trim` takes away the frames that say nothing. */
  constructor(naming: Promise<NameResolver>, trim?: (frames: NamedFrame[]) => NamedFrame[]) {
    this.#naming = naming;
    this.#trim = trim;
    // Awaited at the first chunk; a failure before that must not count as unhandled.
    naming.catch(() => {});
  }

  /** Why names are missing, one sentence; `""` when none are. */
  get problem(): string {
    return this.#problem;
  }

  /** Name of the innermost frame of a stack that was added. */
  leafOf(stackKey: string): string {
    return this.#leaves.get(stackKey) ?? "";
  }

  /** What is missing of the targets' names, as far as it was seen. */
  get notes(): NameResolver["notes"] {
    return this.#notes;
  }

  /** Has the child look again at what the targets have mapped. */
  refresh(): void {
    void this.#naming.then((naming) => naming.refresh(), () => {});
  }

  /** Has the child look for Pythons. Rejects when there is no child. */
  async findPythons(pids: readonly number[]): Promise<FoundPythons> {
    return await (await this.#naming).findPythons(pids);
  }

  async close(): Promise<void> {
    await this.#naming.then((naming) => naming.close(), () => {});
  }

  /** Adds every stack that the chunks do not have yet and whose frames are known. */
  async addStacks(
    samples: readonly { readonly stackKey: string; readonly frames: StackFrames }[],
    builder: ChunkBuilder,
  ): Promise<void> {
    const fresh = new Map<string, { pid: number; frames: StackFrames }>();
    for (const { stackKey, frames } of samples) {
      if (!frames.complete || fresh.has(stackKey) || builder.hasStack(stackKey)) continue;
      fresh.set(stackKey, { pid: Number(stackKey.slice(0, stackKey.indexOf(":"))), frames });
    }
    if (fresh.size === 0) return;
    const named = await this.#resolve([...fresh.values()]);
    let position = 0;
    for (const [stackKey, { frames: { end } }] of fresh) {
      const frames = named[position++] ?? [];
      builder.addStack(stackKey, frames, end);
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
      this.#notes = naming.notes;
      return stacks.map(({ frames }, position) => {
        const kernel = named[2 * position] ?? [];
        const user = named[2 * position + 1] ?? [];
        return [
          ...this.#trim?.(kernel) ?? kernel,
          ...mergeFrames(user, frames.python, frames.end === StackEnd.WHOLE),
        ];
      });
    } catch (error) {
      this.#problem = `Names are missing: ${(error as Error).message}`;
      return stacks.map(({ frames }) => [
        ...unnamed(frames.kernel, "kernel"),
        ...mergeFrames(unnamed(frames.user, "user"), frames.python, false),
      ]);
    }
  }
}

/** Name of a frame for people: the function, else module+address. */
export function displayName(frame: NamedFrame | undefined): string {
  if (frame === undefined) return "[no stack]";
  if (frame.function !== "") return frame.function;
  return `${frame.module.split("/").at(-1) || "[unknown]"}+0x${frame.address.toString(16)}`;
}

function unnamed(addresses: BigUint64Array, kind: NamedFrame["kind"]): NamedFrame[] {
  return [...addresses].map((address) => ({ kind, function: "", module: "", address }));
}
