import { type Cause, ProfileKind, SlotState, type Task, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { isMetricName, metrics } from "../model/metric.ts";
import { formatTime } from "./table.ts";

const states: Readonly<Record<TaskState, string>> = {
  [TaskState.UNSPECIFIED]: "unknown",
  [TaskState.RUNNING]: "running",
  [TaskState.DONE]: "done",
  [TaskState.STOPPED]: "stopped",
  [TaskState.TARGET_EXITED]: "target_exited",
  [TaskState.FAILED]: "failed",
  [TaskState.AGENT_STOPPED]: "agent_stopped",
};
const kinds: Readonly<Record<ProfileKind, string>> = {
  [ProfileKind.UNSPECIFIED]: "unknown",
  [ProfileKind.ON_CPU]: "on_cpu",
  [ProfileKind.OFF_CPU]: "off_cpu",
  [ProfileKind.NETWORK]: "network",
};

/** State of a name, undefined when there is no such state. */
export function findTaskState(name: string): TaskState | undefined {
  const entry = Object.entries(states).find(([, known]) => known === name);
  return entry === undefined ? undefined : Number(entry[0]) as TaskState;
}

/** Name of a kind as policies and files have it. */
export function nameKind(kind: ProfileKind): string {
  return kinds[kind] ?? "unknown";
}

/** A task as the CLI prints it in JSON: names for numbers, RFC 3339 for times. */
export function toTaskRecord(task: Task) {
  return {
    id: task.id,
    policy: task.policy,
    policyVersion: task.policyVersion,
    host: task.host,
    processes: task.processIds.map((id, at) => ({
      id,
      pid: task.pids[at] ?? 0,
      service: task.services[at] ?? "",
      instance: task.instances[at] ?? "",
      exe: task.exes[at] ?? "",
    })),
    state: states[task.state] ?? "unknown",
    message: task.message,
    startedAt: formatTime(task.startedAtUnixMs),
    endedAt: task.endedAtUnixMs === 0n ? null : formatTime(task.endedAtUnixMs),
    durationSeconds: task.durationSeconds,
    frequencyHz: task.frequencyHz,
    kinds: task.kinds.map(nameKind),
    cause: task.cause === undefined ? null : {
      rule: task.cause.rule,
      metric: task.cause.metric,
      uri: task.cause.uri,
      variant: task.cause.variant,
      threshold: task.cause.threshold,
      periodSeconds: task.cause.periodSeconds,
      count: task.cause.count,
      reached: task.cause.reached,
      at: formatTime(task.cause.atUnixMs),
      // An empty slot is null: nothing was observed, which is not zero.
      slots: task.cause.slots.map(({ state, value }) => state === SlotState.UNSPECIFIED ? null : value),
      ...toCounts(task.cause),
      note: task.cause.note,
    },
    loss: task.loss === undefined ? null : {
      taken: Number(task.loss.taken),
      stored: Number(task.loss.stored),
      lostKernel: Number(task.loss.lostKernel),
      lostAgent: Number(task.loss.lostAgent),
      truncated: Number(task.loss.truncated),
    },
  };
}

/** What HTTP slots were made of, in the order of the slots; absent for other metrics. */
function toCounts({ metric, slots }: Cause) {
  if (!isMetricName(metric) || !metrics[metric].http) return {};
  return {
    counts: slots.map(({ state, requests, errors, pending }) =>
      state === SlotState.UNSPECIFIED ? null : { requests, errors, pending }
    ),
  };
}

export type TaskRecord = ReturnType<typeof toTaskRecord>;
