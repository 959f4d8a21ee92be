import { readStat } from "../../lib/procfs/process.ts";
import { silentLogger } from "../../lib/log.ts";
import { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import type { LiveProcess } from "../../src/agent/discovery.ts";
import { NetworkProfiler } from "../../src/agent/network/network_profiler.ts";
import { NetworkSession } from "../../src/agent/network/network_session.ts";
import type { ProfileOutcome } from "../../src/agent/profile/profiler.ts";
import { NetworkMerger } from "../../src/backend/network/network_merger.ts";
import {
  type NetworkChunk,
  type NetworkEdge,
  type NetworkProfile,
  type NetworkTraffic,
  NetworkTrafficSchema,
} from "../../src/gen/stakeout/v1/network_pb.ts";
import { create } from "@bufbuild/protobuf";
import { addTraffic } from "../../src/backend/network/sum_traffic.ts";
import type { Process } from "../../src/model/process.ts";
import { noLoss } from "../../src/model/profile.ts";
import type { Task } from "../../src/model/task.ts";
import { libbpf, sleep } from "./harness.ts";

/** What came of a network profile. */
export interface Recorded {
  readonly profile: NetworkProfile;
  readonly chunks: readonly NetworkChunk[];
  readonly outcome: ProfileOutcome;
}

/** A network profile of some processes, without the agent around it. */
export class NetworkRecorder {
  readonly #abort = new AbortController();
  readonly #chunks: NetworkChunk[] = [];
  readonly #task: Task;
  readonly #clock = new KernelClock();
  #outcome: Promise<ProfileOutcome> | undefined;
  /** Of the service that is recorded, by pid, as long as they live. */
  readonly workers: number[];
  /** Known by pid, of another service. */
  readonly others: number[] = [];

  private constructor(pids: readonly number[]) {
    this.workers = [...pids];
    this.#task = {
      ...{ id: "0".repeat(32), policy: "", policyVersion: 0, host: "test", kinds: ["network"] },
      ...{
        state: "running",
        message: "",
        endedAtBootNs: 0,
        loss: noLoss,
        frequencyHz: 0,
        offCpuMinimumNs: 0,
      },
      ...{
        processes: pids.map((pid) => makeProcess(pid, "recorded")),
        durationSeconds: 600,
        startedAtBootNs: this.#clock.bootNs(),
      },
    };
  }

  /** Starts, and returns once the processes are covered; without messages as on kernels that have no events of them. */
  static async start(
    pids: readonly number[],
    { seesMessages = true } = {},
  ): Promise<NetworkRecorder> {
    const recorder = new NetworkRecorder(pids);
    const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/network.bpf.o`);
    let covered = () => {};
    const ready = new Promise<void>((resolve) => covered = resolve);
    const profiler = new NetworkProfiler({
      openSession: async () => {
        const session = await NetworkSession.open(libbpf, program, seesMessages);
        const cover = session.cover.bind(session);
        let left = pids.length;
        session.cover = async (...who) => {
          await cover(...who);
          if (--left === 0) covered();
        };
        return session;
      },
      processes: () => [
        ...recorder.workers.filter(isRunning).map((pid) => makeLive(pid, "recorded")),
        ...recorder.others.filter(isRunning).map((pid) => makeLive(pid, "other")),
      ],
      isAlive: ({ pid }) => isRunning(pid),
      clock: recorder.#clock,
      logger: silentLogger,
    });
    const control = { signal: recorder.#abort.signal, durationSeconds: 600 };
    recorder.#outcome = profiler.run(recorder.#task, (chunk) => {
      recorder.#chunks.push(chunk);
      return Promise.resolve();
    }, control);
    await Promise.race([
      ready,
      recorder.#outcome.then(({ message }) => Promise.reject(new Error(`It ended: ${message}`))),
    ]);
    return recorder;
  }

  /** Ends it early and returns everything. */
  async stop(): Promise<Recorded> {
    // What a client has read is on its way through the server's own calls still.
    await sleep(50);
    this.#abort.abort();
    return await this.ended();
  }

  /** Waits until it ends by itself. */
  async ended(): Promise<Recorded> {
    const outcome = await this.#outcome!;
    const merger = new NetworkMerger({
      ...{ taskId: this.#task.id, fromSecond: 0, toSecond: 0 },
      taskStartMs: Math.round(this.#clock.unixMs(this.#task.startedAtBootNs)),
    });
    for (const chunk of this.#chunks) merger.add(chunk);
    return { profile: merger.finish(), chunks: this.#chunks, outcome };
  }
}

/** Sum of all edges that `wanted` holds for. */
export function sumEdges(
  profile: NetworkProfile,
  wanted: (edge: NetworkEdge) => boolean = () => true,
): NetworkTraffic {
  const sum = create(NetworkTrafficSchema);
  const edges = new Set(profile.edges.filter(wanted).map(({ edge }) => edge));
  for (const row of profile.totals) {
    const { open } = sum;
    if (!edges.has(row.edge)) continue;
    addTraffic(sum, row);
    sum.open += open;
  }
  return sum;
}

function isRunning(pid: number): boolean {
  return readStat(pid) !== undefined;
}

function makeProcess(pid: number, service: string): Process {
  return {
    ...{ id: `p-${pid}`, pid, parentPid: 0, startBootNs: 0, name: "", exe: "", service, instance: "here" },
    ...{ cgroup: "", uid: 0, containerId: "", labels: {} },
  };
}

function makeLive(pid: number, service: string): LiveProcess {
  return {
    process: makeProcess(pid, service),
    row: {
      ...{ pid, tgid: pid, startBootNs: 0, parentPid: 0, uid: 0, name: "", threads: 1, runTimeNs: 0 },
      usedNs: undefined,
    },
  };
}
