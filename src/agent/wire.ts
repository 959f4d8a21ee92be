import { create } from "@bufbuild/protobuf";
import { type Process as WireProcess, ProcessSchema } from "../gen/stakeout/v1/process_pb.ts";
import {
  type Cause as WireCause,
  CauseSchema,
  ProfileKind as WireProfileKind,
  type Refusal as WireRefusal,
  RefusalSchema,
  SlotState,
  type Task as WireTask,
  TaskSchema,
  TaskState as WireTaskState,
} from "../gen/stakeout/v1/task_pb.ts";
import type { Cause, Slot } from "../model/cause.ts";
import type { ProfileKind } from "../model/policy.ts";
import type { Process } from "../model/process.ts";
import type { LossCounts } from "../model/profile.ts";
import type { Task, TaskState } from "../model/task.ts";

/** Wall time in ms, UTC, of a time on CLOCK_BOOTTIME: the one place where the agent turns one into the other. */
export type UnixMs = (atBootNs: number) => number;

/** An episode in which a rule was tripped and no task started. */
export interface RefusalEpisode {
  readonly policy: string;
  /** Absent for a host-wide rule. */
  readonly process?: Process;
  readonly reason: "silence" | "concurrency" | "budget" | "unsupported";
  /** Whole sentence for people. */
  readonly message: string;
  readonly count: number;
  readonly firstAtBootNs: number;
  readonly lastAtBootNs: number;
  /** Absent for what somebody asked for. */
  readonly cause?: Cause;
}

/** Kinds as the wire numbers them. */
export const wireKinds: Readonly<Record<ProfileKind, WireProfileKind>> = {
  on_cpu: WireProfileKind.ON_CPU,
  off_cpu: WireProfileKind.OFF_CPU,
  network: WireProfileKind.NETWORK,
};

const wireTaskStates: Readonly<Record<TaskState, WireTaskState>> = {
  running: WireTaskState.RUNNING,
  done: WireTaskState.DONE,
  stopped: WireTaskState.STOPPED,
  target_exited: WireTaskState.TARGET_EXITED,
  failed: WireTaskState.FAILED,
  agent_stopped: WireTaskState.AGENT_STOPPED,
};

/** Slot states as they also go into MetricColumns.states. */
export const wireSlotStates: Readonly<Record<Slot["state"], SlotState>> = {
  empty: SlotState.UNSPECIFIED,
  value: SlotState.VALUE,
  partial: SlotState.PARTIAL,
};

/** A process for the inventory. */
export function toWireProcess(process: Process, unixMs: UnixMs): WireProcess {
  const { startBootNs, ...same } = process;
  return create(ProcessSchema, {
    ...same,
    name: toWellFormed(process.name),
    exe: toWellFormed(process.exe),
    cgroup: toWellFormed(process.cgroup),
    service: toWellFormed(process.service),
    instance: toWellFormed(process.instance),
    labels: Object.fromEntries(
      Object.entries(process.labels).map(([key, value]) => [toWellFormed(key), toWellFormed(value)]),
    ),
    startedAtUnixMs: toUnix(unixMs, startBootNs),
  });
}

/** A task as it stands. */
export function toWireTask(task: Task, agentId: string, unixMs: UnixMs): WireTask {
  const { processes, cause } = task;
  return create(TaskSchema, {
    id: task.id,
    agentId,
    policy: task.policy,
    policyVersion: task.policyVersion,
    processIds: processes.map((process) => process.id),
    services: processes.map((process) => toWellFormed(process.service)),
    instances: processes.map((process) => toWellFormed(process.instance)),
    pids: processes.map((process) => process.pid),
    exes: processes.map((process) => toWellFormed(process.exe)),
    ...(cause === undefined ? {} : { cause: toWireCause(cause, unixMs) }),
    kinds: task.kinds.map((kind) => wireKinds[kind]),
    state: wireTaskStates[task.state],
    message: toWellFormed(task.message),
    startedAtUnixMs: toUnix(unixMs, task.startedAtBootNs),
    endedAtUnixMs: task.endedAtBootNs === 0 ? 0n : toUnix(unixMs, task.endedAtBootNs),
    durationSeconds: task.durationSeconds,
    frequencyHz: task.frequencyHz,
    offCpuMinimumNs: BigInt(task.offCpuMinimumNs),
    loss: toWireLoss(task.loss),
    host: task.host,
  });
}

/** Why a rule tripped, with its slots. */
export function toWireCause(cause: Cause, unixMs: UnixMs): WireCause {
  const { slots, atBootSeconds, ...same } = cause;
  return create(CauseSchema, {
    ...same,
    slots: slots.map(({ state, value, counts }) => ({ state: wireSlotStates[state], value, ...counts })),
    atUnixMs: toUnix(unixMs, atBootSeconds * 1e9),
  });
}

/** A refusal to start a task. */
export function toWireRefusal(refusal: RefusalEpisode, unixMs: UnixMs): WireRefusal {
  return create(RefusalSchema, {
    policy: refusal.policy,
    processId: refusal.process?.id ?? "",
    service: toWellFormed(refusal.process?.service ?? ""),
    reason: refusal.reason,
    message: toWellFormed(refusal.message),
    count: refusal.count,
    firstAtUnixMs: toUnix(unixMs, refusal.firstAtBootNs),
    lastAtUnixMs: toUnix(unixMs, refusal.lastAtBootNs),
    ...(refusal.cause === undefined ? {} : { cause: toWireCause(refusal.cause, unixMs) }),
  });
}

/** Counts of samples. */
export function toWireLoss(loss: LossCounts): { [Count in keyof LossCounts]: bigint } {
  return {
    taken: BigInt(loss.taken),
    stored: BigInt(loss.stored),
    lostKernel: BigInt(loss.lostKernel),
    lostAgent: BigInt(loss.lostAgent),
    truncated: BigInt(loss.truncated),
  };
}

function toUnix(unixMs: UnixMs, atBootNs: number): bigint {
  return BigInt(Math.round(unixMs(atBootNs)));
}

/** Names come from targets: a lone surrogate in one would make the whole record impossible to serialize. */
function toWellFormed(text: string): string {
  return text.toWellFormed();
}
