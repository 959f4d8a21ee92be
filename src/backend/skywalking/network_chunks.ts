import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type NetworkChunk,
  NetworkChunkSchema,
  NetworkEdgeSchema,
  NetworkLossSchema,
  NetworkProcessSchema,
  type NetworkSample,
  NetworkSampleSchema,
  type NetworkTraffic,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { ProfileKind, type Task } from "../../gen/stakeout/v1/task_pb.ts";
import { reportLimits } from "../report_limits.ts";
import { addTraffic } from "../network/sum_traffic.ts";
import type { Store } from "../store/store.ts";
import { type EdgePeople, NetworkEdges } from "./network_edges.ts";
import { networkLimits } from "./network_limits.ts";
import type { MeterEnds } from "./network_meter.ts";
import type { RoverSample } from "./network_sample.ts";
import type { NetworkSum } from "./network_sum.ts";
import { spreadTraffic } from "./spread_traffic.ts";
import { readStoredChunks } from "./stored_chunks.ts";

/** A sampled request, and the time that it was sent with: by SkyWalking's agent the same for all, by one of ours its beginning. */
export interface SentSample extends RoverSample {
  readonly atMs: number;
}

/** What an agent tells at one time. */
export interface NetworkFlush {
  /** By the agent's clock, Unix milliseconds. */
  readonly atMs: number;
  readonly sums: readonly { readonly ends: MeterEnds; readonly sum: NetworkSum }[];
  readonly samples: readonly SentSample[];
  /** Meters and requests that made no sense or found no room. */
  readonly invalid: number;
}

const mostSeconds = 60;
/** Longest interval of an agent: Rover has two seconds, Stakeout's five. */
const mostSpread = 5;
const mostSamples = 1_000;
/** What an agent has left at the end of its task, by its own clock. */
const lateSeconds = 10;
/** What its clock puts later is put here. */
const latestSeconds = 60;
/** A clock that went back by so much was set. */
const clockTurnMs = 60_000;
/** With one more row a chunk stays below the 1 MiB that a record may have. */
const fullBytes = 512 * 1024;

const tables = {
  processes: NetworkProcessSchema,
  edges: NetworkEdgeSchema,
  traffic: NetworkTrafficSchema,
  samples: NetworkSampleSchema,
} satisfies Partial<Record<keyof NetworkChunk, DescMessage>>;

/**
 * Makes the chunks of one network profile out of what SkyWalking's agent measured.
 *
 * Shape: the agent tells every two seconds what it counted since the last time, and nothing of nothing. A chunk covers the
 * seconds since the one before; counts are spread evenly over the last of them, five at most, since they are of the agent's
 * last interval however long nothing passed before it. Chunks without rows fill silence of over a minute.
 * Units: seconds are of the task; the agent's clock may be another than ours, so its times are moved into the task's.
 * Limits: see NetworkEdges; 1,000 samples at once.
 * Loss: what finds no room is in the chunk's NetworkLoss: `merged` counts peers once a flush.
 */
export class NetworkChunks {
  readonly #task: Task;
  readonly #edges = new NetworkEdges();
  #next = 0;
  /** Until when chunks tell, since the task's start. */
  #untilSecond = 0;
  /** The second that was told last, and where its chunk began: several calls may be of one flush. */
  #last = { second: 0, fromSecond: 0 };
  /** What is added to the agent's times; undefined before the first. */
  #clockMs: number | undefined;
  #newestMs = 0;

  constructor(task: Task) {
    this.#task = task;
  }

  /** Goes on behind what is stored, of which each chunk is given to `each`. */
  static async open(task: Task, store: Store, each?: (chunk: NetworkChunk) => void): Promise<NetworkChunks> {
    const chunks = new NetworkChunks(task);
    for await (const data of readStoredChunks(store, task.id, ProfileKind.NETWORK)) {
      const chunk = fromBinary(NetworkChunkSchema, data);
      chunks.resume(chunk);
      each?.(chunk);
    }
    return chunks;
  }

  /** Goes on behind chunks that were stored before this process started; in order. */
  resume(chunk: NetworkChunk): void {
    this.#next = chunk.number + 1;
    const startSecond = Math.round((Number(chunk.startUnixMs) - this.#startMs) / 1000);
    this.#untilSecond = Math.max(this.#untilSecond, startSecond + chunk.seconds);
    this.#edges.resume(chunk);
  }

  /** Chunks of one flush. */
  write({ atMs, sums, samples, invalid }: NetworkFlush, nowMs: number, people: EdgePeople): NetworkChunk[] {
    const sentMs = this.#toOurs(atMs, nowMs);
    const open = sums.length > 0 || this.#untilSecond === 0 ? this.#open(sentMs) : this.#openLast();
    for (const process of people.covered()) this.#edges.learn(process, true);
    const rows = new Map<number, NetworkTraffic>();
    open.loss.droppedRows += BigInt(invalid);
    for (const { ends, sum } of sums) {
      const found = this.#edges.find(ends, people);
      if (found === undefined) {
        open.loss.droppedRows++;
        continue;
      }
      if (found.isMerged) open.loss.merged++;
      const row = sum.toTraffic(found.edge, ends.isServer);
      const same = rows.get(found.edge);
      if (same === undefined) rows.set(found.edge, row);
      else addTraffic(same, row);
    }
    const sampleRows: NetworkSample[] = [];
    for (const { ends, latencyMs, atMs, ...rest } of samples) {
      const found = sampleRows.length < mostSamples ? this.#edges.find(ends, people) : undefined;
      if (found === undefined) open.loss.lostSamples++;
      else {
        const startedMs = this.#within(atMs + (this.#clockMs ?? 0) - latencyMs);
        const startedUnixUs = BigInt(Math.round(startedMs)) * 1000n;
        sampleRows.push(create(NetworkSampleSchema, { ...rest, edge: found.edge, startedUnixUs }));
      }
    }
    const { processes, edges } = this.#edges.takeUnsaid();
    for (const process of processes) open.add("processes", process);
    for (const edge of edges) open.add("edges", edge);
    const seconds = open.lastSeconds(mostSpread);
    for (const row of rows.values()) {
      for (const part of spreadTraffic(row, seconds)) open.add("traffic", part);
    }
    for (const row of sampleRows) open.add("samples", row);
    return this.#close(open, false);
  }

  /** The last chunk, of a task that has any. */
  finish(endMs: number): NetworkChunk[] {
    return this.#next === 0 ? [] : this.#close(this.#open(endMs), true);
  }

  /** Begins chunks that end at a time of ours. */
  #open(atMs: number): OpenChunks {
    const second = Math.max(1, Math.ceil((atMs - this.#startMs) / 1000));
    const open = new OpenChunks();
    while (second - this.#untilSecond > mostSeconds) {
      open.begin(this.#untilSecond, this.#untilSecond += mostSeconds);
    }
    const isSame = second === this.#last.second;
    const fromSecond = isSame ? this.#last.fromSecond : Math.min(this.#untilSecond, second - 1);
    open.begin(fromSecond, second);
    this.#last = { second, fromSecond };
    this.#untilSecond = Math.max(this.#untilSecond, second);
    return open;
  }

  /** Begins a chunk of a second that was told already: requests come apart from meters, and are no measure of time. */
  #openLast(): OpenChunks {
    const open = new OpenChunks();
    open.begin(this.#untilSecond - 1, this.#untilSecond);
    return open;
  }

  #close({ chunks, loss }: OpenChunks, last: boolean): NetworkChunk[] {
    for (const chunk of chunks) {
      chunk.taskId = this.#task.id;
      chunk.number = this.#next++;
      // Until now it was the second of the task.
      chunk.startUnixMs = BigInt(this.#startMs) + chunk.startUnixMs * 1000n;
      if (chunk.number === 0) chunk.limits = [...networkLimits];
    }
    const end = chunks.at(-1)!;
    Object.assign(end, { loss, last });
    return chunks;
  }

  get #startMs(): number {
    return Number(this.#task.startedAtUnixMs);
  }

  #within(atMs: number): number {
    const longestMs = Math.min((this.#task.durationSeconds + latestSeconds) * 1000, reportLimits.futureMs);
    return Math.min(Math.max(atMs, this.#startMs), this.#startMs + longestMs);
  }

  /** Whether something of the agent's time may be of this task's. */
  holds(atMs: number): boolean {
    const { durationSeconds } = this.#task;
    return atMs + (this.#clockMs ?? 0) <= this.#startMs + (durationSeconds + lateSeconds) * 1000;
  }

  /**
   * What comes first is of between the task's start and now, everything else so much later as the agent says: one that was
   * away sends much at once.
   */
  #toOurs(atMs: number, nowMs: number): number {
    const startMs = this.#startMs;
    let movedMs = atMs + (this.#clockMs ?? 0);
    if (this.#clockMs === undefined) {
      // After a restart of the backend it is what goes on behind what is stored, or what is told now.
      const leastMs = this.#untilSecond === 0 ? -Infinity : startMs + this.#untilSecond * 1000 - clockTurnMs;
      if (movedMs > nowMs || movedMs < leastMs) movedMs = nowMs;
    } else if (movedMs < this.#newestMs - clockTurnMs) {
      // Its clock was set back.
      movedMs = this.#newestMs;
    }
    movedMs = this.#within(movedMs);
    this.#clockMs = movedMs - atMs;
    this.#newestMs = Math.max(this.#newestMs, movedMs);
    return movedMs;
  }
}

/** Chunks that are being filled; rows go into the last one. */
class OpenChunks {
  readonly chunks: NetworkChunk[] = [];
  readonly loss = create(NetworkLossSchema);
  #bytes = 0;

  begin(fromSecond: number, toSecond: number): void {
    const about = { startUnixMs: BigInt(fromSecond), seconds: toSecond - fromSecond };
    this.chunks.push(create(NetworkChunkSchema, about));
    this.#bytes = 0;
  }

  /** Numbers of so many seconds at the end, of those that there are. */
  lastSeconds(most: number): number[] {
    const { seconds } = this.chunks.at(-1)!;
    const count = Math.min(most, seconds);
    return Array.from({ length: count }, (_, index) => seconds - count + index);
  }

  add<T extends keyof typeof tables>(table: T, row: NetworkChunk[T][number]): void {
    if (this.#bytes > fullBytes) {
      const { startUnixMs, seconds } = this.chunks.at(-1)!;
      this.begin(Number(startUnixMs), Number(startUnixMs) + seconds);
    }
    (this.chunks.at(-1)![table] as NetworkChunk[T][number][]).push(row);
    this.#bytes += toBinary(tables[table] as DescMessage, row).length + 5;
  }
}
