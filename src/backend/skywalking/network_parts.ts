import type { HandlerContext } from "@connectrpc/connect";
import { toBinary } from "@bufbuild/protobuf";
import { type LogData, LogDataSchema } from "../../gen/skywalking/v3/logging_pb.ts";
import { type MeterData, MeterDataSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { requireAgent, sessionKey } from "./call_context.ts";
import type { SentSample } from "./network_chunks.ts";
import { coveredProcesses, coversProcess, findLateTask, findNetworkTask } from "./network_coverage.ts";
import { type MeterEnds, type NetworkMeter, readNetworkMeter } from "./network_meter.ts";
import { readNetworkSample } from "./network_sample.ts";
import { NetworkSum } from "./network_sum.ts";
import type { RecordBody } from "./record_body.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverProcess } from "./rover_process.ts";
import type { RoverShared } from "./rover_shared.ts";
import type { RoverTask } from "./rover_task.ts";
import { takenKey } from "./taken_keys.ts";

/** Meters, requests and times that are held until they are stored. */
const bufferedEntries = 50_000;
/** Of one call; what it says the same behind so much else is taken for sent again. */
const mostTimes = 100_000;

interface Part {
  readonly agent: RoverAgent;
  readonly task: RoverTask;
  /** Of requests, which come apart and have a time each, that of the newest. */
  atMs: number;
  readonly meters: Told<NetworkMeter>[];
  readonly samples: Told<SentSample>[];
  invalid: number;
}

/** What was told, with a key that it has again when it is sent again. */
interface Told<T> {
  readonly key: number;
  readonly value: T;
}

/**
 * Gathers what one call tells of network profiles, by task and time.
 * What comes again counts once: Rover sends nothing twice, but an agent of ours sends a stream again whose answer was lost.
 * It is known by its time and all that it says; the same several times in one call is as much as it says. Over a restart of
 * the backend it is not known.
 * Limits: 50,000 meters and requests; `isFull` tells it.
 * Loss: what is of no process that is known is counted in a profile that the calling agent takes, or else nowhere.
 */
export class NetworkParts {
  readonly #shared: RoverShared;
  readonly #context: HandlerContext;
  readonly #parts = new Map<string, Part>();
  #entries = 0;
  /** How often this call told the same. */
  readonly #times = new Map<number, number>();

  constructor(shared: RoverShared, context: HandlerContext) {
    this.#shared = shared;
    this.#context = context;
  }

  /** True when so much is held that it is time to store it. */
  get isFull(): boolean {
    return this.#entries >= bufferedEntries;
  }

  /**
   * Takes a meter of network profiling; false for one that has no place here.
   * @throws {ConnectError} When the call's token is for other agents.
   */
  addMeter(data: MeterData): boolean {
    const meter = readNetworkMeter(data);
    if (meter === undefined) return false;
    const atMs = this.#timeOf(data);
    const found = this.#find(meter === "invalid" ? "" : meter.ends.processId, atMs, String(atMs));
    if (found === undefined) return true;
    const { part, isKnown } = found;
    if (meter === "invalid" || !isKnown) part.invalid++;
    else part.meters.push(this.#told(meter, data.timestamp, toBinary(MeterDataSchema, data)));
    return true;
  }

  /** Takes the log of a sampled request; every other is passed over. @throws {ConnectError} As above. */
  addLog(data: LogData): void {
    const sample = readNetworkSample(data);
    if (sample === undefined) return;
    const atMs = this.#timeOf(data);
    const found = this.#find(sample === "invalid" ? "" : sample.ends.processId, atMs, "requests");
    if (found === undefined) return;
    const { part, isKnown } = found;
    part.atMs = Math.max(part.atMs, atMs);
    if (sample === "invalid" || !isKnown) part.invalid++;
    else part.samples.push(this.#told({ ...sample, atMs }, data.timestamp, toBinary(LogDataSchema, data)));
  }

  /** Stores what is held. */
  async store(): Promise<void> {
    const { clock, store } = this.#shared;
    const nowMs = clock.nowUnixMs();
    const parts = [...this.#parts.values()];
    this.#parts.clear();
    this.#entries = 0;
    for (const { agent, task, atMs, invalid, ...told } of parts) {
      agent.seenAtMs = nowMs;
      const isFresh = ({ key }: { readonly key: number }) => !task.networkTaken.has(key);
      const [meters, samples] = [told.meters.filter(isFresh), told.samples.filter(isFresh)];
      if (meters.length + samples.length + invalid === 0) continue;
      const people = {
        find: (id: string) => agent.processes.get(id),
        isCovered: (process: RoverProcess) => coversProcess(task.task, process),
        covered: () => coveredProcesses(agent, task.task),
      };
      const flush = { atMs, sums: sumUp(meters), samples: samples.map(({ value }) => value), invalid };
      const fresh = [...meters, ...samples];
      for (const { key } of fresh) task.networkTaken.add(key);
      try {
        const report = (bodies: readonly RecordBody[]) => agent.report(bodies);
        await task.takeNetwork(flush, { nowMs, people, store, report });
      } catch (error) {
        for (const { key } of fresh) task.networkTaken.delete(key);
        throw error;
      }
    }
  }

  #told<T>(value: T, timestamp: bigint, bytes: Uint8Array): Told<T> {
    this.#entries++;
    const same = takenKey([String(timestamp), bytes.toBase64()]);
    if (this.#times.size >= mostTimes) this.#times.clear();
    const times = this.#times.get(same) ?? 0;
    this.#times.set(same, times + 1);
    return { key: takenKey([same, times]), value };
  }

  #timeOf({ timestamp }: { readonly timestamp: bigint }): number {
    return timestamp === 0n ? this.#shared.clock.nowUnixMs() : Number(timestamp);
  }

  /**
   * The profile that a process is in; what is of no process that is known counts for one that the caller takes.
   * @param of What is gathered together.
   */
  #find(processId: string, atMs: number, of: string): { part: Part; isKnown: boolean } | undefined {
    const { directory } = this.#shared;
    const session = this.#context.values.get(sessionKey);
    const found = directory.process(processId, session);
    const agent = found?.agent ?? directory.caller(session);
    if (agent === undefined) return undefined;
    requireAgent(agent.info.agentId, this.#context);
    const task = found === undefined
      ? agent.runningTasks.find(({ task }) => task.kinds.includes(ProfileKind.NETWORK))
      : findNetworkTask(agent, found.process) ?? findLateTask(agent, found.process, atMs);
    if (task === undefined || !task.isBegun) return undefined;
    const key = `${task.task.id} ${of}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = { agent, task, atMs, meters: [], samples: [], invalid: 0 };
      this.#parts.set(key, part);
      this.#entries++;
    }
    return { part, isKnown: found !== undefined };
  }
}

/** The meters of each connection together; a second one of the same name is of another connection with the same labels. */
function sumUp(meters: readonly Told<NetworkMeter>[]): { ends: MeterEnds; sum: NetworkSum }[] {
  const sums: { ends: MeterEnds; sum: NetworkSum }[] = [];
  /** The newest of two ends. */
  const open = new Map<string, NetworkSum>();
  for (const { value: meter } of meters) {
    const key = JSON.stringify(Object.values(meter.ends));
    if (open.get(key)?.add(meter) === true) continue;
    const sum = new NetworkSum();
    sum.add(meter);
    open.set(key, sum);
    sums.push({ ends: meter.ends, sum });
  }
  return sums;
}
