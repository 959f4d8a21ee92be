import type { Rule } from "../model/policy.ts";
import { describeSeries } from "../model/series.ts";
import type { Cause, Task } from "../gen/stakeout/v1/task_pb.ts";
import { ProfileKind, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { formatCount, formatValue } from "./format.ts";

/** A rule as a sentence part: `process_cpu ≥ 80 % in 5 of 10 s`. */
export function describeRule(
  rule: { metric: string; threshold: number; count: number; periodSeconds: number },
): string {
  const threshold = formatValue(rule.metric, rule.threshold);
  return `${rule.metric} ≥ ${threshold} in ${formatCount(rule.count)} of ${
    formatCount(rule.periodSeconds)
  } s`;
}

/** The URIs a rule is limited to, `""` for all. */
export function describeUri(uri: Rule["uri"]): string {
  if (uri === undefined) return "";
  if ("paths" in uri) return uri.paths.join(", ");
  return "prefixes" in uri ? uri.prefixes.map((prefix) => `${prefix}*`).join(", ") : `/${uri.regex}/`;
}

/** Why a task started: the rule, which requests it is about, and how often it was reached. */
export function describeCause(cause: Cause | undefined): string {
  if (cause === undefined) return "asked for by hand";
  return `${describeRule(cause)}${describeSeries(cause)}: reached ${formatCount(cause.reached)}`;
}

/** Why a task started, without which requests it is about. */
export function describeReached(cause: Cause | undefined): string {
  return describeCause(cause && { ...cause, uri: "", variant: "" });
}

/** Which requests a cause or series is about, `""` for all of the server side and what is no HTTP metric. */
export function describeRequests(series: { uri: string; variant: string } | undefined): string {
  return series === undefined ? "" : describeSeries(series).replace(/^[, ]+/, "");
}

/** Name of a kind of profile for people. */
export function kindTitle(kind: ProfileKind): string {
  return { 0: "Unknown", 1: "On-CPU", 2: "Off-CPU", 3: "Network" }[kind] ?? "Unknown";
}

/** Name of a kind in policies and addresses. */
export function kindName(kind: ProfileKind): string {
  return { 0: "", 1: "on_cpu", 2: "off_cpu", 3: "network" }[kind] ?? "";
}

/** Kinds in the order in which they are shown. */
export const shownKinds: readonly ProfileKind[] = [
  ProfileKind.ON_CPU,
  ProfileKind.OFF_CPU,
  ProfileKind.NETWORK,
];

/** A state of a task: its words, and which colour tells it. */
export function stateWords(state: TaskState): { text: string; tone: "trip" | "good" | "bad" | "" } {
  switch (state) {
    case TaskState.RUNNING:
      return { text: "Profiling", tone: "trip" };
    case TaskState.DONE:
      return { text: "Done", tone: "good" };
    case TaskState.STOPPED:
      return { text: "Stopped", tone: "" };
    case TaskState.TARGET_EXITED:
      return { text: "Process ended", tone: "" };
    case TaskState.FAILED:
      return { text: "Failed", tone: "bad" };
    case TaskState.AGENT_STOPPED:
      return { text: "Agent stopped", tone: "bad" };
    default:
      return { text: "Unknown", tone: "" };
  }
}

/** Every state with the name that addresses use. */
export const stateNames: readonly (readonly [string, TaskState])[] = [
  ["running", TaskState.RUNNING],
  ["done", TaskState.DONE],
  ["stopped", TaskState.STOPPED],
  ["target_exited", TaskState.TARGET_EXITED],
  ["failed", TaskState.FAILED],
  ["agent_stopped", TaskState.AGENT_STOPPED],
];

/** What a task looked at, one entry a process: service, executable's file name and pid. */
export function taskTargets(task: Task): { id: string; service: string; exe: string; pid: number }[] {
  return task.processIds.map((id, index) => ({
    id,
    service: task.services[index] ?? "",
    exe: task.exes[index] ?? "",
    pid: task.pids[index] ?? 0,
  }));
}

/** The file's own name of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}
