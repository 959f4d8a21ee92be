import { fromBinary } from "@bufbuild/protobuf";
import { type ProfileChunk, ProfileChunkSchema } from "../../gen/stakeout/v1/profile_pb.ts";
import type { ProfileKind, Task } from "../../gen/stakeout/v1/task_pb.ts";
import type { Store } from "../store/store.ts";
import { ChunkTables, type RoverStacks } from "./chunk_tables.ts";
import { joinNames, nameFrames, StoredNames } from "./named_frames.ts";
import type { RecordBody } from "./record_body.ts";
import { readStoredChunks } from "./stored_chunks.ts";
import { takenKey, TakenKeys } from "./taken_keys.ts";

/** What an agent counted of some processes of a task until a time. */
export interface CountedStacks {
  /** By our clock. */
  readonly atMs: number;
  /** Milliseconds by the agent's clock. */
  readonly agentAtMs: number;
  /** False where `atMs` was moved into the task's time, so that it does not tell two times of the agent apart. */
  readonly isExact: boolean;
  readonly data: readonly RoverStacks[];
}

/** Samples in stored chunks, of the newest, that are known as taken after a restart. */
const rememberedSamples = 100_000;

/**
 * The stacks of one task and kind, each once: an agent of ours sends again what it got no answer for. SkyWalking's own never
 * does; it may have several stacks with the same names at one time, which its numbers tell apart.
 * Over a restart: stored chunks hold no numbers, so that names and time alone tell what was taken before it.
 */
export class StackProfile {
  readonly #tables: ChunkTables;
  readonly #taken = new TakenKeys();
  #isResumed = false;

  private constructor(tables: ChunkTables) {
    this.#tables = tables;
  }

  /** Goes on behind what is stored, of which each chunk is given to `each`. */
  static async open(
    task: Task,
    kind: ProfileKind,
    store: Store,
    each?: (chunk: ProfileChunk) => void,
  ): Promise<StackProfile> {
    const tables = new ChunkTables(task.id, kind, Number(task.startedAtUnixMs));
    const names = new StoredNames();
    const newest: ProfileChunk[] = [];
    let samples = 0;
    for await (const data of readStoredChunks(store, task.id, kind)) {
      const chunk = fromBinary(ProfileChunkSchema, data);
      each?.(chunk);
      names.add(chunk);
      tables.resume(chunk, new Set(chunk.sampleThreads.map((thread) => names.processOf(thread))));
      newest.push(chunk);
      samples += chunk.sampleStacks.length;
      while (samples > rememberedSamples) samples -= newest.shift()!.sampleStacks.length;
    }
    const profile = new StackProfile(tables);
    for (const chunk of newest) profile.#remember(chunk, names);
    return profile;
  }

  /** Stores what was not stored before, and gives the chunks of it. */
  async take(
    counted: CountedStacks,
    report: (bodies: readonly RecordBody[]) => Promise<void>,
  ): Promise<ProfileChunk[]> {
    const fresh = new Map<number, RoverStacks>();
    for (const datum of counted.data) {
      const names = joinNames(nameFrames(datum.stacks).frames);
      if (
        this.#isResumed && counted.isExact &&
        this.#taken.has(storedKey(datum.process.id, counted.atMs, names))
      ) {
        continue;
      }
      const key = liveKey(datum, counted.agentAtMs, names);
      if (!this.#taken.has(key)) fresh.set(key, datum);
    }
    const chunks = this.#tables.write(counted.atMs, [...fresh.values()]);
    await report(chunks.map((value) => ({ case: "profile", value })));
    for (const key of fresh.keys()) this.#taken.add(key);
    return chunks;
  }

  #remember(chunk: ProfileChunk, names: StoredNames): void {
    this.#isResumed = true;
    // The agent counted until the chunk's end.
    const endMs = Number(chunk.startUnixMs) + chunk.seconds * 1000;
    for (const stack of names.of(chunk)) this.#taken.add(storedKey(stack.processId, endMs, stack.names));
  }
}

function storedKey(processId: string, atMs: number, names: string): number {
  return takenKey([processId, atMs, names]);
}

function liveKey({ process, stacks }: RoverStacks, agentAtMs: number, names: string): number {
  const numbers = stacks.map(({ stackType, stackId }) => `${stackType} ${stackId}`);
  return takenKey([process.id, agentAtMs, numbers.join(), names]);
}
