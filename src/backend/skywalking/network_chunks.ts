import { create, type DescMessage, toBinary } from "@bufbuild/protobuf";
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
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";
import { addTraffic } from "../network/sum_traffic.ts";
import { type EdgePeople, NetworkEdges } from "./network_edges.ts";
import { networkLimits } from "./network_limits.ts";
import type { MeterEnds } from "./network_meter.ts";
import type { RoverSample } from "./network_sample.ts";
import type { NetworkSum } from "./network_sum.ts";
import { spreadTraffic } from "./spread_traffic.ts";

/** What an agent tells at one time. */
export interface NetworkFlush {
  /** By the agent's clock, Unix milliseconds. */
  readonly atMs: number;
  readonly sums: readonly { readonly ends: MeterEnds; readonly sum: NetworkSum }[];
  readonly samples: readonly RoverSample[];
  /** Meters and requests that made no sense or found no room. */
  readonly invalid: number;
}

const mostSeconds = 60;
/** Longest interval of an agent: Rover has two seconds, Stakeout's five. */
const mostSpread = 5;
const mostSamples = 1_000;
/** What comes after the task's end, and by a clock that runs ahead. */
const lateSeconds = 60;
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
 * Units: seconds are of the task; the agent's clock may be another than ours, so its times are moved between the task's
 * start and now.
 * Limits: see NetworkEdges; 1,000 samples at once.
 * Loss: what finds no room is in the chunk's NetworkLoss: `merged` counts peers once a flush.
 */
export class NetworkChunks {
  readonly #task: Task;
  readonly #edges = new NetworkEdges();
  #next = 0;
  /** Until when chunks tell, since the task's start. */
  #untilSecond = 0;
  /** What is added to the agent's times. */
  #clockMs = 0;

  constructor(task: Task) {
    this.#task = task;
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
    for (const { ends, latencyMs, ...rest } of samples) {
      const found = sampleRows.length < mostSamples ? this.#edges.find(ends, people) : undefined;
      if (found === undefined) open.loss.lostSamples++;
      else {
        const startedMs = Math.max(sentMs - latencyMs, this.#startMs);
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
    const longest = this.#task.durationSeconds + lateSeconds;
    const second = Math.min(Math.max(1, Math.ceil((atMs - this.#startMs) / 1000)), longest);
    const open = new OpenChunks();
    while (second - this.#untilSecond > mostSeconds) {
      open.begin(this.#untilSecond, this.#untilSecond += mostSeconds);
    }
    open.begin(Math.min(this.#untilSecond, second - 1), second);
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

  /** Nothing of a task is from before it, or of the future. */
  #toOurs(atMs: number, nowMs: number): number {
    const movedMs = Math.min(Math.max(atMs + this.#clockMs, this.#startMs), Math.max(nowMs, this.#startMs));
    this.#clockMs = movedMs - atMs;
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
