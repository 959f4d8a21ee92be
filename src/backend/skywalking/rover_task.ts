import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { NetworkChunk } from "../../gen/stakeout/v1/network_pb.ts";
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
  /** When something of it came last. */
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
      if (kind !== ProfileKind.NETWORK) await restored.#open(kind, store, (chunk) => restored.#count(chunk));
      else {
        restored.#network = await NetworkChunks.open(task, store, (chunk) => restored.#countMessages(chunk));
      }
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

  /** Whether it is over and something of its time may be missing. */
  missesNetwork(atMs: number): boolean {
    const { state } = this.task;
    if (state === TaskState.RUNNING || state === TaskState.STOPPED) return false;
    return this.#network?.holds(atMs) ?? true;
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
    await this.#inTurn(() => this.#take(kind, counted, store, report));
  }

  /** Stores what the agent told of the network. */
  async takeNetwork(
    flush: NetworkFlush,
    { nowMs, people, store, report }: {
      readonly nowMs: number;
      readonly people: EdgePeople;
      readonly store: Store;
      readonly report: (bodies: readonly RecordBody[]) => Promise<void>;
    },
  ): Promise<void> {
    await this.#inTurn(async () => {
      this.#network ??= await NetworkChunks.open(this.task, store);
      const chunks = this.#network.write(flush, nowMs, people);
      try {
        await report(chunks.map((value) => ({ case: "network", value })));
      } catch (error) {
        // It goes on behind what is stored.
        this.#network = undefined;
        throw error;
      }
      for (const chunk of chunks) this.#countMessages(chunk);
      this.usedAtMs = nowMs;
      await this.#reviseEnd(report);
    });
  }

  async #inTurn(store: () => Promise<void>): Promise<void> {
    const stored = this.#storing.then(store);
    this.#storing = stored.catch(() => {});
    await stored;
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
    if (chunks.length > 0) await this.#reviseEnd(report);
  }

  /** Of a task that was over before its data came: an agent was away, and has what it took. */
  async #reviseEnd(report: (bodies: readonly RecordBody[]) => Promise<void>): Promise<void> {
    const { task } = this;
    if (task.state === TaskState.RUNNING) return;
    if (task.state === TaskState.FAILED) Object.assign(task, { state: TaskState.DONE, message: "" });
    await report([this.body()]);
  }

  /** Records of a task that has ended: the end of its network profile before it. */
  endBodies(): RecordBody[] {
    const last = this.#network?.finish(Number(this.task.endedAtUnixMs)) ?? [];
    for (const chunk of last) this.#countMessages(chunk);
    return [...last.map((value) => ({ case: "network" as const, value })), this.body()];
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
}
