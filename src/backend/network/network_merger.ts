import { clone, create } from "@bufbuild/protobuf";
import {
  type NetworkChunk,
  type NetworkDns,
  NetworkDnsSchema,
  type NetworkEdge,
  NetworkLossSchema,
  type NetworkPath,
  type NetworkPathTraffic,
  NetworkPathTrafficSchema,
  type NetworkProcess,
  type NetworkProfile,
  NetworkProfileSchema,
  type NetworkSample,
  type NetworkTraffic,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { addRequests, addTraffic } from "./sum_traffic.ts";

/** Which part of which profile, of which edges, and of which the seconds are wanted one by one. */
export interface NetworkRange {
  readonly taskId: string;
  readonly taskStartMs: number;
  /** Seconds since the task's start, half open; 0, 0 is all. */
  readonly fromSecond: number;
  readonly toSecond: number;
  /** Only these edges and what is theirs; all when absent. */
  readonly edges?: ReadonlySet<number>;
  /** All when absent. */
  readonly seriesOf?: ReadonlySet<number>;
}

const maxSamples = 1000;
const maxEdges = 4096;
const maxPaths = 8192;
const maxNames = 4096;
const maxSeriesRows = 500_000;
const maxSeconds = 4_000;
/** Rows of one edge; where there are more seconds, rows are of several. */
const maxPoints = 2_000;
/** Rows of all edges together; 2 MB. */
const maxRows = 8_000;

/** Joins the chunks of one network profile, given in order, into one profile over a range of seconds. */
export class NetworkMerger {
  readonly #range: NetworkRange;
  readonly #processes = new Map<string, NetworkProcess>();
  readonly #edges = new Map<number, NetworkEdge>();
  readonly #paths = new Map<number, NetworkPath>();
  readonly #totals = new Map<number, NetworkTraffic>();
  readonly #pathTotals = new Map<number, NetworkPathTraffic>();
  readonly #series: NetworkTraffic[] = [];
  readonly #secondRequests: bigint[] = [];
  readonly #secondBytes: bigint[] = [];
  readonly #dns = new Map<string, NetworkDns>();
  readonly #samples: NetworkSample[] = [];
  readonly #loss = create(NetworkLossSchema);
  #limits: readonly string[] = [];
  #nextNumber = 0;
  #endSecond = 0;
  #observedSeconds = 0;
  #missing = 0;

  constructor(range: NetworkRange) {
    this.#range = range;
  }

  /** Number of the chunk that is wanted next. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Seconds of single edges that are held. */
  get heldRows(): number {
    return this.#series.length;
  }

  /** Adds the next chunk. */
  add(chunk: NetworkChunk): void {
    const start = Math.round((Number(chunk.startUnixMs) - this.#range.taskStartMs) / 1000);
    if (chunk.number > this.#nextNumber && this.#overlaps(this.#endSecond, start)) {
      this.#missing += chunk.number - this.#nextNumber;
    }
    this.#nextNumber = chunk.number + 1;
    // Several chunks may tell of the same seconds.
    this.#observedSeconds += this.#countWithin(Math.max(start, this.#endSecond), start + chunk.seconds);
    this.#endSecond = Math.max(this.#endSecond, start + chunk.seconds);
    if (chunk.limits.length > 0) this.#limits = chunk.limits;
    for (const process of chunk.processes) put(this.#processes, process.processId, process, maxEdges);
    for (const edge of chunk.edges) if (this.#wants(edge)) put(this.#edges, edge.edge, edge, maxEdges);
    for (const path of chunk.paths) if (this.#wants(path)) put(this.#paths, path.pathNumber, path, maxPaths);
    this.#reserveSeconds(this.#endSecond);
    for (const row of chunk.traffic) this.#addTraffic(row, start + row.second);
    for (const row of chunk.pathTraffic) this.#addPathTraffic(row, start + row.second);
    if (!this.#overlaps(start, start + chunk.seconds)) return;
    for (const row of chunk.dns) if (this.#wants(row)) this.#addDns(row);
    for (const [name, count] of Object.entries(chunk.loss ?? {})) {
      if (typeof count === "bigint") this.#loss[name as "merged"] += count;
    }
    for (const sample of chunk.samples) {
      if (this.#wants(sample) && this.#holds(sample)) this.#samples.push(sample);
    }
    if (this.#samples.length > maxSamples) this.#samples.splice(0, this.#samples.length - maxSamples);
  }

  /** The profile of the range, as far as its chunks were added; more may be added afterwards. */
  finish(): NetworkProfile {
    const { taskId, taskStartMs, fromSecond, toSecond } = this.#range;
    const end = toSecond === 0 ? this.#endSecond : Math.min(toSecond, this.#endSecond);
    const seconds = Math.max(0, end - fromSecond);
    const edges = new Set(this.#series.map(({ edge }) => edge)).size;
    const stepSeconds = this.#range.seriesOf === undefined
      ? 1
      : Math.max(1, Math.ceil(seconds / maxPoints), Math.ceil(seconds * edges / maxRows));
    return create(NetworkProfileSchema, {
      taskId,
      startUnixMs: BigInt(taskStartMs + fromSecond * 1000),
      seconds,
      processes: [...this.#processes.values()],
      edges: [...this.#edges.values()],
      paths: [...this.#paths.values()],
      totals: [...this.#totals.values()],
      pathTotals: [...this.#pathTotals.values()],
      traffic: joinSteps(this.#series, fromSecond, stepSeconds),
      stepSeconds,
      observedSeconds: this.#observedSeconds,
      secondRequests: [...this.#secondRequests],
      secondBytes: [...this.#secondBytes],
      dns: [...this.#dns.values()],
      samples: [...this.#samples],
      loss: this.#loss,
      limits: [...this.#limits],
      missingChunks: this.#missing,
    });
  }

  #addTraffic(row: NetworkTraffic, second: number): void {
    if (!this.#wants(row)) return;
    if (second >= 0 && second < this.#secondBytes.length) {
      this.#secondBytes[second]! += row.receivedBytes + row.sentBytes;
      this.#secondRequests[second]! += row.http?.requests ?? 0n;
    }
    if (!this.#overlaps(second, second + 1)) return;
    const sum = this.#totals.get(row.edge);
    if (sum !== undefined) addTraffic(sum, row);
    else if (this.#totals.size < maxEdges) {
      const total = clone(NetworkTrafficSchema, row);
      total.second = 0;
      this.#totals.set(row.edge, total);
    }
    const { seriesOf } = this.#range;
    if (seriesOf?.has(row.edge) === false || this.#series.length >= maxSeriesRows) return;
    row.second = second;
    this.#series.push(row);
  }

  #addPathTraffic(row: NetworkPathTraffic, second: number): void {
    const { pathNumber } = row;
    if (!this.#overlaps(second, second + 1) || !this.#paths.has(pathNumber)) return;
    const sum = this.#pathTotals.get(pathNumber);
    const http = addRequests(sum?.http, row.http);
    if (http === undefined || sum !== undefined || this.#pathTotals.size >= maxPaths) return;
    this.#pathTotals.set(pathNumber, create(NetworkPathTrafficSchema, { pathNumber, http }));
  }

  #addDns(row: NetworkDns): void {
    const key = `${row.edge} ${row.type} ${row.name}`;
    const sum = this.#dns.get(key);
    if (sum === undefined && this.#dns.size >= maxNames) return;
    const { edge, name, type } = row;
    const total = sum ?? create(NetworkDnsSchema, { edge, name, type });
    const dns = addRequests(total.dns, row.dns);
    if (dns !== undefined) total.dns = dns;
    total.timeouts += row.timeouts;
    if (sum === undefined) this.#dns.set(key, total);
  }

  /** Whether it is of an edge that was asked for. */
  #wants({ edge }: { readonly edge: number }): boolean {
    return this.#range.edges?.has(edge) ?? true;
  }

  /** Seconds in which nothing passed are zeros. */
  #reserveSeconds(seconds: number): void {
    while (this.#secondBytes.length < Math.min(seconds, maxSeconds)) {
      this.#secondBytes.push(0n);
      this.#secondRequests.push(0n);
    }
  }

  /** Whether a request began within the range. */
  #holds({ startedUnixUs }: NetworkSample): boolean {
    const { taskStartMs, fromSecond, toSecond } = this.#range;
    const second = (Number(startedUnixUs) / 1000 - taskStartMs) / 1000;
    return (fromSecond === 0 || second >= fromSecond) && (toSecond === 0 || second < toSecond);
  }

  /** How many seconds of a span lie within the range. */
  #countWithin(from: number, to: number): number {
    const { fromSecond, toSecond } = this.#range;
    return Math.max(0, Math.min(to, toSecond === 0 ? to : toSecond) - Math.max(from, fromSecond));
  }

  /** Whether a span of seconds lies within the range at least in part. */
  #overlaps(from: number, to: number): boolean {
    const { fromSecond, toSecond } = this.#range;
    return toSecond === 0 ? to > fromSecond : from < toSecond && to > fromSecond;
  }
}

/** Rows of several seconds each, told in their first one. */
function joinSteps(
  rows: readonly NetworkTraffic[],
  fromSecond: number,
  stepSeconds: number,
): NetworkTraffic[] {
  if (stepSeconds === 1) return [...rows];
  const steps = new Map<string, NetworkTraffic>();
  for (const row of rows) {
    const second = row.second - (row.second - fromSecond) % stepSeconds;
    const key = `${row.edge} ${second}`;
    const sum = steps.get(key);
    if (sum !== undefined) addTraffic(sum, row);
    else {
      const step = clone(NetworkTrafficSchema, row);
      step.second = second;
      steps.set(key, step);
    }
  }
  return [...steps.values()];
}

/** The newest wins; beyond the limit nothing new is taken. */
function put<K, V>(table: Map<K, V>, key: K, value: V, limit: number): void {
  if (table.has(key) || table.size < limit) table.set(key, value);
}
