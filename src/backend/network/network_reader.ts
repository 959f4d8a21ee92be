import { fromBinary } from "@bufbuild/protobuf";
import {
  type NetworkFarEnd,
  type NetworkProfile,
  NetworkProfileSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { type Task, TaskSchema } from "../../gen/stakeout/v1/task_pb.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { MergeJobs } from "../profile/merge_jobs.ts";
import type { Store } from "../store/store.ts";
import { chooseFarEnds, type FarTask, joinFarEnd } from "./far_ends.ts";
import type { NetworkRange } from "./network_merger.ts";

/** Other tasks that are read to tell how the other ends saw the traffic; those with most edges in common. */
const mostFarTasks = 4;
/** Other tasks are read anew only so often: their seconds are wanted up to now, and a screen asks every few seconds. */
const farEndsMs = 10_000;
const mostFarEnds = 8;

/** Which seconds of a network profile, and of which edges. */
export interface NetworkPart {
  readonly fromSecond: number;
  readonly toSecond: number;
  /** Only these, with their seconds; all, without, when empty. */
  readonly edges: readonly number[];
}

/** Reads network profiles out of the store. */
export class NetworkReader {
  readonly #jobs: MergeJobs;
  readonly #store: Store;
  readonly #clock: Clock;
  /** By task and part, oldest first. */
  readonly #farEnds = new Map<string, { atMs: number; ends: NetworkFarEnd[] }>();

  constructor(jobs: MergeJobs, { store, clock }: { store: Store; clock: Clock }) {
    this.#jobs = jobs;
    this.#store = store;
    this.#clock = clock;
  }

  /** The merged profile of a task of an agent, with what the other ends of its edges saw. */
  async readProfile(task: Task, agentId: string, part: NetworkPart): Promise<NetworkProfile> {
    const profile = await this.#merge(toRange(task, part), true);
    const key = [task.id, part.fromSecond, part.toSecond, ...part.edges].join(" ");
    const known = this.#farEnds.get(key);
    const isNew = known !== undefined && this.#clock.nowUnixMs() - known.atMs < farEndsMs;
    profile.farEnds = isNew ? known.ends : await this.#readFarEnds(profile, agentId, part.edges);
    if (isNew) return profile;
    this.#farEnds.delete(key);
    this.#farEnds.set(key, { atMs: this.#clock.nowUnixMs(), ends: profile.farEnds });
    const [oldest] = this.#farEnds.keys();
    if (this.#farEnds.size > mostFarEnds && oldest !== undefined) this.#farEnds.delete(oldest);
    return profile;
  }

  async #readFarEnds(
    profile: NetworkProfile,
    agentId: string,
    edges: readonly number[],
  ): Promise<NetworkFarEnd[]> {
    const ends: NetworkFarEnd[] = [];
    const far = chooseFarEnds(await this.#store.listFarEnds(profile.taskId), agentId, edges);
    for (const other of far.slice(0, mostFarTasks)) {
      const seen = await this.#readFar(other, profile);
      if (seen !== undefined) ends.push(...joinFarEnd(other, seen));
    }
    return ends;
  }

  /** The merged profile as JSON. */
  async exportProfile(
    task: Task,
    { fromSecond, toSecond }: { fromSecond: number; toSecond: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const range = { ...toRange(task, { fromSecond, toSecond, edges: [] }), seriesOf: new Set<number>() };
    return await this.#jobs.run({ content: "network", range, keep: false }, { format: "json" });
  }

  /** What another task saw in the seconds of a profile; undefined when it did not run then. */
  async #readFar(other: FarTask, profile: NetworkProfile): Promise<NetworkProfile | undefined> {
    const task = fromBinary(TaskSchema, other.task);
    const startSecond = Number(profile.startUnixMs - task.startedAtUnixMs) / 1000;
    const fromSecond = Math.max(0, Math.round(startSecond));
    const toSecond = Math.round(startSecond + profile.seconds);
    if (toSecond <= fromSecond) return undefined;
    const edges = new Set(other.pairs.flatMap(({ farEdges }) => farEdges));
    return await this.#merge({
      ...toRange(task, { fromSecond, toSecond, edges: [] }),
      ...{ edges, seriesOf: new Set() },
    }, false);
  }

  async #merge(range: NetworkRange, keep: boolean): Promise<NetworkProfile> {
    const bytes = await this.#jobs.run({ content: "network", range, keep }, { format: "message" });
    return fromBinary(NetworkProfileSchema, bytes);
  }
}

function toRange(task: Task, { fromSecond, toSecond, edges }: NetworkPart): NetworkRange {
  const only = new Set(edges);
  return {
    ...{ taskId: task.id, taskStartMs: Number(task.startedAtUnixMs), fromSecond, toSecond, seriesOf: only },
    ...edges.length === 0 ? {} : { edges: only },
  };
}
