import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { type NetworkChunk, NetworkChunkSchema } from "../../gen/stakeout/v1/network_pb.ts";
import type { ProfileChunk } from "../../gen/stakeout/v1/profile_pb.ts";
import {
  LossCountsSchema,
  ProfileKind,
  type Task,
  TaskSchema,
  TaskState,
} from "../../gen/stakeout/v1/task_pb.ts";
import type { Store } from "../store/store.ts";
import { NetworkChunks, type NetworkFlush } from "./network_chunks.ts";
import type { EdgePeople } from "./network_edges.ts";
import type { RecordBody } from "./record_body.ts";
import { type CountedStacks, StackProfile } from "./stack_profile.ts";
import { readStoredChunks } from "./stored_chunks.ts";
import { TakenKeys } from "./taken_keys.ts";

/** After its time an agent sends what it has left, within five seconds. */
const lateMs = 10_000;
/** How long an agent has to ask for a task that somebody wants. */
const fetchMs = 60_000;
/** Of a task that nobody has fetched; after a restart it is known by this. */
const waitingMessage = "SkyWalking's agent has not asked for it yet; it begins within a minute, or fails";
/** What SkyWalking's agent samples with unless its own configuration says otherwise. */
export const roverFrequencyHz = 111;

/** One task on an agent of SkyWalking. */
export class RoverTask {
  readonly task: Task;
  #askedAtMs: number | undefined;
  readonly #profiles = new Map<ProfileKind, Promise<StackProfile>>();
  #storing: Promise<void> = Promise.resolve();
  #network: NetworkChunks | undefined;
  /** Keys of the meters and requests of its network profile. */
  readonly networkTaken = new TakenKeys();
  #isFetched = false;
  hasData = false;
  /** Times it was reported again before it had any data. */
  repeats = 0;
  /** When stacks came last. */
  usedAtMs = 0;

  constructor(task: MessageInitShape<typeof TaskSchema>, { askedAtMs }: { askedAtMs?: number } = {}) {
    this.task = create(TaskSchema, task);
    this.#askedAtMs = askedAtMs;
    if (askedAtMs !== undefined) this.task.message = waitingMessage;
  }

  /** A task as an earlier run of this backend left it, with the kinds of which chunks are stored. */
  static async restore(task: Task, kinds: readonly ProfileKind[], store: Store): Promise<RoverTask> {
    const isWaiting = task.state === TaskState.RUNNING && task.message === waitingMessage;
    const restored = new RoverTask(task, isWaiting ? { askedAtMs: Number(task.startedAtUnixMs) } : {});
    restored.#isFetched = !isWaiting;
    delete restored.task.loss;
    for (const kind of kinds) {
      if (kind === ProfileKind.NETWORK) await restored.#readNetwork(store);
      else await restored.#open(kind, store, (chunk) => restored.#count(chunk));
    }
    return restored;
  }

  /** Of a task that somebody asked for: when it was last changed; undefined for one that a policy started. */
  get askedAtMs(): number | undefined {
    return this.#askedAtMs;
  }

  /** Lets a task that somebody asked for run longer; the agent learns it at its next question. */
  extend(seconds: number, nowMs: number): void {
    this.task.durationSeconds += seconds;
    this.#askedAtMs = Math.max(nowMs, (this.#askedAtMs ?? 0) + 1);
  }

  /** Records that hold the task as it is. */
  body(): RecordBody {
    return { case: "task", value: create(TaskSchema, this.task) };
  }

  /** The agent has asked for it and begins now. */
  fetched(nowMs: number): boolean {
    const isFirst = !this.#isFetched;
    this.#isFetched = true;
    if (isFirst) Object.assign(this.task, { startedAtUnixMs: BigInt(nowMs), message: "" });
    return isFirst;
  }

  /** False for one that somebody asked for until the agent knows of it. */
  get isBegun(): boolean {
    return this.#askedAtMs === undefined || this.#isFetched;
  }

  /**
   * Stores what an agent counted, but for stacks that were stored before: an agent of ours sends again what it got no answer
   * for. One after the other, so that an answer to what was sent again means that it is stored.
   */
  async take(
    kind: ProfileKind,
    counted: CountedStacks,
    store: Store,
    report: (bodies: readonly RecordBody[]) => Promise<void>,
  ): Promise<void> {
    const taken = this.#storing.then(() => this.#take(kind, counted, store, report));
    this.#storing = taken.catch(() => {});
    await taken;
  }

  async #take(...[kind, counted, store, report]: Parameters<RoverTask["take"]>): Promise<void> {
    const profile = await this.#open(kind, store);
    let chunks: ProfileChunk[];
    try {
      chunks = await profile.take(counted, report);
    } catch (error) {
      // It goes on behind what is stored, and names that did not come through go out again.
      this.#profiles.delete(kind);
      throw error;
    }
    for (const chunk of chunks) this.#count(chunk);
    const { task } = this;
    if (chunks.length === 0 || task.state === TaskState.RUNNING) return;
    // It was over before they came: an agent was away, and has what it took.
    if (task.state === TaskState.FAILED) Object.assign(task, { state: TaskState.DONE, message: "" });
    await report([this.body()]);
  }

  /** Records of what the agent told of the network. */
  writeNetwork(flush: NetworkFlush, nowMs: number, people: EdgePeople): RecordBody[] {
    this.#network ??= new NetworkChunks(this.task);
    return this.#toBodies(this.#network.write(flush, nowMs, people));
  }

  /** Records of a task that has ended: the end of its network profile before it. */
  endBodies(): RecordBody[] {
    const last = this.#network?.finish(Number(this.task.endedAtUnixMs)) ?? [];
    return [...this.#toBodies(last), this.body()];
  }

  /** Ends the task when its time is over; true when it just did. */
  endInTime(nowMs: number, isAlive: boolean): boolean {
    const { task } = this;
    if (task.state !== TaskState.RUNNING) return false;
    const endMs = Number(task.startedAtUnixMs) + task.durationSeconds * 1000;
    const waits = this.askedAtMs !== undefined && !this.#isFetched && !this.hasData;
    if (waits && nowMs > Number(task.startedAtUnixMs) + fetchMs) {
      this.end(TaskState.FAILED, nowMs, "SkyWalking's agent has not asked for it within a minute");
      return true;
    }
    if (waits || nowMs < endMs + lateMs) return false;
    if (this.hasData) this.end(isAlive ? TaskState.DONE : TaskState.TARGET_EXITED, endMs, "");
    else {
      const isNetwork = task.kinds.every((kind) => kind === ProfileKind.NETWORK);
      const nothing = isNetwork ? "nothing of the network" : "no stacks";
      this.end(TaskState.FAILED, endMs, `SkyWalking's agent has sent ${nothing}${this.#describeRepeats()}`);
    }
    return true;
  }

  /** Ends it now. */
  end(state: TaskState, atMs: number, message: string): void {
    Object.assign(this.task, { state, endedAtUnixMs: BigInt(atMs), message });
  }

  #describeRepeats(): string {
    return this.repeats === 0 ? "" : `, and reported the task ${this.repeats} times more`;
  }

  #toBodies(chunks: readonly NetworkChunk[]): RecordBody[] {
    for (const chunk of chunks) this.#countMessages(chunk);
    return chunks.map((value) => ({ case: "network" as const, value }));
  }

  /** In messages, as with our own agents. */
  #countMessages({ traffic }: NetworkChunk): void {
    this.hasData = true;
    const messages = traffic.reduce((sum, row) => sum + row.receivedMessages + row.sentMessages, 0n);
    const sum = this.task.loss ??= create(LossCountsSchema);
    sum.taken += messages;
    sum.stored += messages;
  }

  #count({ loss }: ProfileChunk): void {
    this.hasData = true;
    const sum = this.task.loss ??= create(LossCountsSchema);
    sum.taken += loss?.taken ?? 0n;
    sum.stored += loss?.stored ?? 0n;
    sum.lostAgent += loss?.lostAgent ?? 0n;
    sum.truncated += loss?.truncated ?? 0n;
  }

  #open(kind: ProfileKind, store: Store, each?: (chunk: ProfileChunk) => void): Promise<StackProfile> {
    let opening = this.#profiles.get(kind);
    if (opening === undefined) {
      opening = StackProfile.open(this.task, kind, store, each);
      this.#profiles.set(kind, opening);
      opening.catch(() => this.#profiles.delete(kind));
    }
    return opening;
  }

  async #readNetwork(store: Store): Promise<void> {
    const network = new NetworkChunks(this.task);
    for await (const data of readStoredChunks(store, this.task.id, ProfileKind.NETWORK)) {
      const chunk = fromBinary(NetworkChunkSchema, data);
      network.resume(chunk);
      this.#countMessages(chunk);
    }
    this.#network = network;
  }
}
