import process from "node:process";
import { openLibbpf } from "../../lib/bpf/libbpf.ts";
import { missingUprobes } from "../../lib/bpf/uprobe.ts";
import type { Logger } from "../../lib/log.ts";
import { readLoadAverage } from "../../lib/procfs/load_average.ts";
import { KernelClock } from "../../lib/sys/kernel_clock.ts";
import { releaseStartMemory } from "../../lib/sys/start_memory.ts";
import { Agent, type AgentParts } from "../agent/agent.ts";
import { Budget } from "../agent/budget.ts";
import { readBootId, readHostName } from "../agent/host.ts";
import { HttpMonitor } from "../agent/http/http_monitor.ts";
import { HttpPrograms } from "../agent/http/http_programs.ts";
import { Pipeline } from "../agent/pipeline.ts";
import { builtAbilities, PolicyBook } from "../agent/policy_book.ts";
import { processCpuProbe } from "../agent/probe/process_cpu.ts";
import { processLayout, ProcessSnapshots } from "../agent/probe/process_snapshot.ts";
import { systemLoadProbe } from "../agent/probe/system_load.ts";
import { threadCountProbe } from "../agent/probe/thread_count.ts";
import type { Chunk, Profiler } from "../agent/profile/profiler.ts";
import type { RecordBody } from "../agent/report_wire.ts";
import { TaskRunner } from "../agent/task_runner.ts";
import { Trigger } from "../agent/trigger.ts";
import { toWireTask } from "../agent/wire.ts";
import type { Config } from "../model/config.ts";
import { type ProfileKind, profileKinds } from "../model/policy.ts";
import { buildNetworkProfiler } from "./build_network_profiler.ts";
import { buildProfilers, type OnProgress } from "./build_profiler.ts";
import { builtFilePath, readBuiltFile } from "./built_file.ts";
import { watchPods } from "./watch_pods.ts";

/** When all has run that runs once. */
const settleMs = 5_000;

/** What makes one agent different from another: where its results go. */
export interface AgentPlace {
  readonly config: Config;
  readonly logger: Logger;
  readonly agentId: string;
  /** These and what they start are Stakeout itself. */
  readonly ownPids: readonly number[];
  readonly emit: (body: RecordBody) => Promise<unknown>;
  /** Seconds of metrics in one record; 2 when absent. */
  readonly metricsEverySeconds?: number;
  readonly queue: AgentParts["queue"];
  readonly problems: AgentParts["problems"];
  readonly onProgress?: OnProgress;
  /** Called after tasks were started, with what has to outlive the agent. */
  readonly onStarts: (trigger: Trigger, clock: KernelClock) => void;
}

/** An agent with all its parts, started: it knows who runs on this host. */
export interface BuiltAgent {
  readonly agent: Agent;
  readonly clock: KernelClock;
  readonly trigger: Trigger;
  readonly tasks: TaskRunner;
  readonly pipeline: Pipeline;
  close(): Promise<void>;
}

/**
 * Loads the BPF programs and puts an agent together. @throws {BpfError} or {@linkcode NotSupportedError} when this host
 * cannot; nothing stays loaded then.
 */
export async function buildAgent(place: AgentPlace): Promise<BuiltAgent> {
  const { logger, emit, config, ownPids, metricsEverySeconds = 2 } = place;
  const clock = new KernelClock();
  const libbpf = openLibbpf(readBuiltFile("libbpf.so"), builtFilePath("libbpf.so"));
  const snapshots = await ProcessSnapshots.open(libbpf, readBuiltFile("bpf/process.bpf.o"));
  const book = new PolicyBook({ ...builtAbilities, tls: () => missingUprobes(libbpf)?.message });
  const http = new HttpMonitor({
    open: () => HttpPrograms.open(libbpf, readBuiltFile("bpf/http.bpf.o")),
    logger,
  });
  const trigger = new Trigger({ makeTaskId, unsupported: unsupportedKinds() });
  const pods = watchPods(logger);
  const host = readHostName();
  const pipeline = new Pipeline({
    layout: processLayout,
    book,
    trigger,
    http,
    probes: [processCpuProbe, threadCountProbe, systemLoadProbe],
    bootId: readBootId(),
    ...{ host, findPod: pods.findPod },
    overrides: config.services,
    ownPids,
    leastWindowSeconds: metricsEverySeconds,
  });
  const progress = place.onProgress === undefined ? {} : { onProgress: place.onProgress };
  const processes = () => pipeline.discovery.values();
  const tasks = new TaskRunner({
    profilers: new Map<ProfileKind, Profiler<Chunk>>([
      ...buildProfilers({ config, libbpf, clock, logger, ...progress }),
      ["network", buildNetworkProfiler({ ...{ libbpf, clock, logger, processes }, ...progress })],
    ]),
    host,
    bootNs: () => clock.bootNs(),
    logger,
    onTask: async (task) => {
      await emit({
        case: "task",
        value: toWireTask(task, place.agentId, (atBootNs) => clock.unixMs(atBootNs)),
      });
    },
    onChunk: async (chunk) => void await emit(toRecordBody(chunk)),
    onEnded: (id) => trigger.taskEnded(id),
  });
  const agent = new Agent({
    ...place,
    ...{ clock, snapshots, pipeline, book, http, trigger, tasks },
    metricsEverySeconds,
    problems: () => [...place.problems(), ...pods.problems()],
    budget: new Budget(readUse, clock.bootNs()),
    hostLoad: () => readLoadAverage() ?? 0,
    onStarts: () => place.onStarts(trigger, clock),
  });
  try {
    await agent.start();
  } catch (error) {
    await snapshots.close();
    throw error;
  }
  pods.run(({ uid, cgroupUid, containerNames }) => {
    pipeline.discovery.renamePods(new Set([uid, cgroupUid]), containerNames);
  });
  const settled = setTimeout(releaseStartMemory, settleMs);
  async function close(): Promise<void> {
    clearTimeout(settled);
    await pods.close();
    await http.close();
    await snapshots.close();
  }
  return { agent, clock, trigger, tasks, pipeline, close };
}

function toRecordBody(chunk: Chunk): RecordBody {
  return chunk.$typeName === "stakeout.v1.NetworkChunk"
    ? { case: "network", value: chunk }
    : { case: "profile", value: chunk };
}

function makeTaskId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

function unsupportedKinds(): Map<ProfileKind, string> {
  return new Map(profileKinds.flatMap((kind) => {
    const reason = builtAbilities.kind(kind);
    return reason === undefined ? [] : [[kind, reason]];
  }));
}

function readUse(): { cpuNs: number; rssBytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpuNs: (user + system) * 1000, rssBytes: Deno.memoryUsage().rss };
}
