import { toBinary } from "@bufbuild/protobuf";
import {
  AgentStatusSchema,
  type HttpTraffic,
  type InventoryDelta,
  type MetricColumns,
  ProcessHttpSchema,
  type Record as ReportRecord,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import { type NetworkChunk, NetworkChunkSchema } from "../gen/stakeout/v1/network_pb.ts";
import { type Process, ProcessSchema } from "../gen/stakeout/v1/process_pb.ts";
import { type ProfileChunk, ProfileChunkSchema } from "../gen/stakeout/v1/profile_pb.ts";
import {
  type Cause,
  ProfileKind,
  type Refusal,
  RefusalSchema,
  type Task,
  TaskSchema,
} from "../gen/stakeout/v1/task_pb.ts";
import { networkChunkFault } from "./network/network_chunk_fault.ts";
import { trafficPair } from "./network/traffic_pair.ts";
import { reportLimits as limits } from "./report_limits.ts";
import type { ProcessRow, ReportItem } from "./store/store.ts";

/** Who reports, and when it is. */
export interface ReportContext {
  readonly agentId: string;
  readonly host: string;
  readonly nowMs: number;
}

/** A record that will never be taken; its message goes back to the agent. */
export class RecordRefusedError extends Error {}

/**
 * Checks one record and turns it into what is stored.
 *
 * @throws {RecordRefusedError} When it breaks a limit or makes no sense; sending it again would not help.
 */
export function readRecord({ body }: ReportRecord, context: ReportContext): ReportItem {
  switch (body.case) {
    case "status":
      need(body.value.matches.length <= limits.matches, "too many policies in a status");
      need(body.value.problems.length <= limits.problems, "too many problems in a status");
      return { kind: "status", data: toBinary(AgentStatusSchema, body.value) };
    case "inventory":
      return readInventory(body.value, context);
    case "metrics":
      return readMetrics(body.value, context);
    case "task":
      return readTask(body.value, context);
    case "profile":
      return readChunk(body.value, context);
    case "network":
      return readNetworkChunk(body.value, context);
    case "refusal":
      return readRefusal(body.value, context);
    case "http":
      return readHttp(body.value, context);
    default:
      throw new RecordRefusedError("unknown kind of record; the server may be older than the agent");
  }
}

function readInventory(delta: InventoryDelta, context: ReportContext): ReportItem {
  need(delta.changed.length <= limits.processes, "too many processes");
  need(delta.uses.length <= limits.uses && delta.goneProcessIds.length <= limits.uses, "too many processes");
  const uses = delta.uses.map(({ processId, cpuPercent, threads }) => {
    need(Number.isFinite(cpuPercent), "CPU is not a number");
    return { id: processId, cpuPercent, threads };
  });
  return {
    kind: "inventory",
    full: delta.full,
    changed: delta.changed.map((process) => readProcess(process, context.host)),
    uses,
    gone: delta.goneProcessIds,
    atMs: readTime(delta.atUnixMs, context),
  };
}

function readProcess(process: Process, host: string): ProcessRow {
  const { id, pid, name, exe, service, instance, cgroup, labels } = process;
  needText(id, limits.idBytes, "process id");
  need(id !== "", "process id is empty");
  for (const text of [name, service, instance]) needText(text, limits.nameBytes, "name of a process");
  for (const text of [exe, cgroup]) needText(text, limits.pathBytes, "path of a process");
  const entries = Object.entries(labels);
  need(entries.length <= limits.labels, "too many labels");
  for (const entry of entries) entry.forEach((text) => needText(text, limits.pathBytes, "label"));
  const data = toBinary(ProcessSchema, process);
  return { id, host, pid, name, exe, service, instance, cgroup, labels, data };
}

function readMetrics(columns: MetricColumns, context: ReportContext): ReportItem {
  const { seconds, series, values, states } = columns;
  need(seconds >= 1 && seconds <= limits.secondsPerColumn, "number of seconds out of range");
  need(series.length <= limits.series, "too many series");
  need(
    values.length === series.length * seconds && states.length === values.length,
    "columns differ in length",
  );
  need(states.every((state) => state <= 2), "unknown state of a slot");
  for (const { processId, metric, uri, variant } of series) {
    needText(processId, limits.idBytes, "process id");
    need(/^[a-z0-9_]{1,64}$/.test(metric), "metric name is not one");
    needText(uri, limits.nameBytes, "URI of a series");
    needText(variant, limits.idBytes, "variant of a series");
  }
  const floats = Float32Array.from(values);
  need(floats.every(Number.isFinite), "a value is not a number");
  return {
    kind: "metrics",
    startSecond: Math.round(readTime(columns.startUnixMs, context) / 1000),
    seconds,
    series: series.map(({ processId, metric, uri, variant }) => ({ processId, metric, uri, variant })),
    values: floats,
    states,
  };
}

function readTask(task: Task, context: ReportContext): ReportItem {
  needTaskId(task.id);
  need(task.agentId === context.agentId, "task of another agent");
  need(task.processIds.length <= limits.taskProcesses, "too many processes in a task");
  checkCause(task.cause);
  const { processIds, services, instances, pids, exes, policy, host, message } = task;
  const lists = [services, instances, pids, exes];
  need(lists.every((list) => list.length === processIds.length), "lists of a task differ in length");
  for (const text of [policy, host, ...processIds, ...services, ...instances]) {
    needText(text, limits.nameBytes, "name in a task");
  }
  for (const text of [message, ...exes]) needText(text, limits.messageBytes, "text in a task");
  const startedAtMs = readTime(task.startedAtUnixMs, context);
  return {
    kind: "task",
    task: {
      id: task.id,
      policy,
      metric: task.cause?.metric ?? "",
      state: task.state,
      startedAtMs,
      deadlineMs: startedAtMs + task.durationSeconds * 1000 + 60_000,
      processes: processIds.map((id, index) => ({ id, service: services[index] ?? "" })),
      search: [policy, ...services, ...instances, ...exes, host, task.id].join("\n").toLowerCase(),
      data: toBinary(TaskSchema, task),
    },
  };
}

function readChunk(chunk: ProfileChunk, context: ReportContext): ReportItem {
  needTaskId(chunk.taskId);
  need(
    chunk.kind === ProfileKind.ON_CPU || chunk.kind === ProfileKind.OFF_CPU,
    "not a kind of profile that has stacks",
  );
  need(chunk.seconds <= limits.secondsPerChunk, "too many seconds in a chunk");
  const { sampleStacks, sampleThreads, sampleSeconds, sampleWeights } = chunk;
  const columns = [sampleThreads, sampleSeconds, sampleWeights];
  need(columns.every((column) => column.length === sampleStacks.length), "columns differ in length");
  const { sampleWaits, sampleRunQueueNs, sampleStates } = chunk;
  const waits = chunk.kind === ProfileKind.OFF_CPU ? sampleStacks.length : 0;
  const waitColumns = [sampleWaits, sampleRunQueueNs, sampleStates];
  need(waitColumns.every((column) => column.length === waits), "columns of waits differ in length");
  need(chunk.waiting.length <= limits.waitingThreads, "too many waiting threads");
  const data = toBinary(ProfileChunkSchema, chunk);
  need(data.length <= limits.chunkBytes, "chunk over 1 MiB");
  return {
    kind: "profile",
    taskId: chunk.taskId,
    profileKind: chunk.kind,
    number: chunk.number,
    startMs: readTime(chunk.startUnixMs, context),
    data,
  };
}

function readNetworkChunk(chunk: NetworkChunk, context: ReportContext): ReportItem {
  needTaskId(chunk.taskId);
  const fault = networkChunkFault(chunk);
  need(fault === undefined, fault ?? "");
  const data = toBinary(NetworkChunkSchema, chunk);
  need(data.length <= limits.chunkBytes, "chunk over 1 MiB");
  return {
    kind: "profile",
    taskId: chunk.taskId,
    profileKind: ProfileKind.NETWORK,
    number: chunk.number,
    startMs: readTime(chunk.startUnixMs, context),
    data,
    ends: chunk.edges.flatMap((edge) => {
      const pair = trafficPair(edge, context.agentId);
      return pair === undefined ? [] : [{ edge: edge.edge, pair: pair.key, isServer: pair.isServer }];
    }),
  };
}

function readRefusal(refusal: Refusal, context: ReportContext): ReportItem {
  const { policy, processId, service, reason, message } = refusal;
  for (const text of [policy, processId, service, reason]) {
    needText(text, limits.nameBytes, "name in a refusal");
  }
  needText(message, limits.messageBytes, "message of a refusal");
  checkCause(refusal.cause);
  return {
    kind: "refusal",
    policy,
    processId,
    reason,
    firstMs: readTime(refusal.firstAtUnixMs, context),
    lastMs: readTime(refusal.lastAtUnixMs, context),
    data: toBinary(RefusalSchema, refusal),
  };
}

function readHttp(traffic: HttpTraffic, context: ReportContext): ReportItem {
  const { seconds, processes } = traffic;
  need(seconds >= 1 && seconds <= limits.secondsPerColumn, "number of seconds out of range");
  need(processes.length <= limits.httpProcesses, "too many processes");
  for (const { processId, paths } of processes) {
    needText(processId, limits.idBytes, "process id");
    need(paths.length <= limits.httpPaths, "too many paths of a process");
    for (const { path } of paths) needText(path, limits.nameBytes, "path of a request");
    need(paths.every(({ meanMs, maxMs }) => Number.isFinite(meanMs + maxMs)), "a latency is not a number");
  }
  return {
    kind: "http",
    startMs: readTime(traffic.startUnixMs, context),
    seconds,
    processes: processes.map((process) => ({
      id: process.processId,
      client: process.client,
      data: toBinary(ProcessHttpSchema, process),
    })),
  };
}

function checkCause(cause: Cause | undefined): void {
  if (cause === undefined) return;
  need(cause.slots.length <= limits.causeSlots, "too many slots in a cause");
  needText(cause.uri, limits.nameBytes, "URI of a cause");
  needText(cause.variant, limits.idBytes, "variant of a cause");
  needText(cause.note, limits.messageBytes, "note of a cause");
}

/** A time that can be true: not more than an hour ahead of this clock, nor older than anything kept. */
function readTime(unixMs: bigint, { nowMs }: ReportContext): number {
  const time = Number(unixMs);
  need(time <= nowMs + limits.futureMs, "time over an hour ahead; set the clocks of both hosts");
  need(time >= nowMs - limits.pastMs, "older than what is kept");
  return time;
}

function needTaskId(id: string): void {
  need(/^[0-9a-f]{32}$/.test(id), "task id is not 32 hexadecimal digits");
}

/** Counts UTF-16 units: a text of n bytes never has more of them. */
function needText(text: string, limit: number, what: string): void {
  need(text.length <= limit, `${what} over ${limit} bytes`);
}

function need(condition: boolean, reason: string): void {
  if (!condition) throw new RecordRefusedError(reason);
}
