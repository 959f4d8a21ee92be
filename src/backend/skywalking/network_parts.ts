import type { HandlerContext } from "@connectrpc/connect";
import type { LogData } from "../../gen/skywalking/v3/logging_pb.ts";
import type { MeterData } from "../../gen/skywalking/v3/meter_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { requireAgent, sessionKey } from "./call_context.ts";
import { coveredProcesses, coversProcess, findNetworkTask } from "./network_coverage.ts";
import { type MeterEnds, readNetworkMeter } from "./network_meter.ts";
import { readNetworkSample, type RoverSample } from "./network_sample.ts";
import { NetworkSum } from "./network_sum.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverProcess } from "./rover_process.ts";
import type { RoverShared } from "./rover_shared.ts";
import type { RoverTask } from "./rover_task.ts";

/** Connections, requests and times that are held until they are stored. */
const bufferedEntries = 5_000;

interface Part {
  readonly agent: RoverAgent;
  readonly task: RoverTask;
  readonly atMs: number;
  readonly sums: Map<string, { readonly ends: MeterEnds; readonly sum: NetworkSum }>;
  readonly samples: RoverSample[];
  invalid: number;
}

/**
 * Gathers what one call tells of network profiles, by task and time.
 * Limits: 5,000 connections and requests; `isFull` tells it.
 * Loss: what is of no process that is known is counted in a profile that the calling agent takes, or else nowhere.
 */
export class NetworkParts {
  readonly #shared: RoverShared;
  readonly #context: HandlerContext;
  readonly #parts = new Map<string, Part>();
  #entries = 0;

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
    const found = this.#find(meter === "invalid" ? "" : meter.ends.processId, data.timestamp);
    if (found === undefined) return true;
    const { part, isKnown } = found;
    if (meter === "invalid" || !isKnown) part.invalid++;
    else {
      const key = JSON.stringify(Object.values(meter.ends));
      let entry = part.sums.get(key);
      if (entry === undefined) {
        entry = { ends: meter.ends, sum: new NetworkSum() };
        part.sums.set(key, entry);
        this.#entries++;
      }
      entry.sum.add(meter);
    }
    return true;
  }

  /** Takes the log of a sampled request; every other is passed over. @throws {ConnectError} As above. */
  addLog(data: LogData): void {
    const sample = readNetworkSample(data);
    if (sample === undefined) return;
    const found = this.#find(sample === "invalid" ? "" : sample.ends.processId, data.timestamp);
    if (found === undefined) return;
    if (sample === "invalid" || !found.isKnown) found.part.invalid++;
    else {
      found.part.samples.push(sample);
      this.#entries++;
    }
  }

  /** Stores what is held. */
  async store(): Promise<void> {
    const nowMs = this.#shared.clock.nowUnixMs();
    const parts = [...this.#parts.values()];
    this.#parts.clear();
    this.#entries = 0;
    for (const { agent, task, atMs, sums, ...rest } of parts) {
      agent.seenAtMs = nowMs;
      const people = {
        find: (id: string) => agent.processes.get(id),
        isCovered: (process: RoverProcess) => coversProcess(task.task, process),
        covered: () => coveredProcesses(agent, task.task),
      };
      await agent.report(task.writeNetwork({ atMs, sums: [...sums.values()], ...rest }, nowMs, people));
    }
  }

  /** The profile that a process is in; what is of no process that is known counts for one that the caller takes. */
  #find(processId: string, timestamp: bigint): { part: Part; isKnown: boolean } | undefined {
    const { directory, clock } = this.#shared;
    const session = this.#context.values.get(sessionKey);
    const found = directory.process(processId, session);
    const agent = found?.agent ?? directory.caller(session);
    if (agent === undefined) return undefined;
    requireAgent(agent.info.agentId, this.#context);
    const task = found === undefined
      ? agent.runningTasks.find(({ task }) => task.kinds.includes(ProfileKind.NETWORK))
      : findNetworkTask(agent, found.process);
    if (task === undefined || !task.isBegun) return undefined;
    const atMs = timestamp === 0n ? clock.nowUnixMs() : Number(timestamp);
    const key = `${task.task.id} ${atMs}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = { agent, task, atMs, sums: new Map(), samples: [], invalid: 0 };
      this.#parts.set(key, part);
      this.#entries++;
    }
    return { part, isKnown: found !== undefined };
  }
}
