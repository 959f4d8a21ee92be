import { Code, ConnectError } from "@connectrpc/connect";
import type { StackQuality } from "../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, type Task } from "../gen/stakeout/v1/task_pb.ts";
import type { BackendClient } from "./backend_client.ts";
import { CommandError } from "./command_error.ts";
import { describeCause } from "./describe_cause.ts";
import { describeQuality, toQualityRecord } from "./describe_quality.ts";
import { printJson, writeOut } from "./output.ts";
import { formatTable } from "./table.ts";
import { nameKind, type TaskRecord, toTaskRecord } from "./task_record.ts";

/** How far the stacks of one of a task's profiles can be trusted. */
interface KindQuality {
  readonly kind: string;
  readonly quality: StackQuality | undefined;
}

/** Prints one task: when, why, what, and how far its stacks can be trusted. */
export async function showTask(backend: BackendClient, task: Task, output: string): Promise<void> {
  const stacks = await readQualities(backend, task);
  if (output === "json") {
    const records = stacks.map(({ kind, quality }) => [kind, toQualityRecord(quality)]);
    printJson({ ...toTaskRecord(task), stacks: Object.fromEntries(records) });
  } else writeOut(describeTask(toTaskRecord(task), stacks));
}

/** Of each kind whose stacks tell it. */
async function readQualities(backend: BackendClient, { id, kinds }: Task): Promise<KindQuality[]> {
  const ofStacks = kinds.filter((kind) => kind !== ProfileKind.NETWORK);
  const read = await Promise.all(ofStacks.map(async (kind) => {
    try {
      const { profile } = await backend.tasks.getProfile({ taskId: id, kind });
      const { quality } = profile ?? {};
      // SkyWalking's agents do not tell.
      return quality?.ends.some((stacks) => stacks > 0n) ? [{ kind: nameKind(kind), quality }] : [];
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }));
  return read.flat();
}

function isMissing(error: unknown): boolean {
  return error instanceof CommandError && ConnectError.from(error.cause).code === Code.NotFound;
}

function describeTask(task: TaskRecord, stacks: readonly KindQuality[]): string {
  const { cause, loss } = task;
  const rows: string[][] = [
    ["task", task.id],
    ["policy", task.policy === "" ? "by hand" : `${task.policy} version ${task.policyVersion}`],
    ["state", task.message === "" ? task.state : `${task.state}: ${task.message}`],
    ["host", task.host],
    ...task.processes.map(({ pid, service, exe }) => ["process", `${pid} ${service} ${exe}`]),
    ["started", task.startedAt],
    ["ended", task.endedAt ?? "-"],
    ["profiles", `${task.kinds.join(", ")} for ${task.durationSeconds} s at ${task.frequencyHz} Hz`],
    ["why", cause === null ? "asked for by hand" : `${describeCause(task)}, asked for ${cause.count}`],
  ];
  if (cause !== null) {
    const slots = cause.slots.map((value) => value === null ? "-" : String(Number(value.toFixed(2))));
    rows.push(["window", `${slots.join(" ")} (one a second, until ${cause.at})`]);
    for (const [name, title] of countNames) {
      const counts = cause.counts?.map((slot) => slot === null ? "-" : String(slot[name])) ?? [];
      if (counts.some((count) => count !== "-" && count !== "0")) rows.push([title, counts.join(" ")]);
    }
    if (cause.note !== "") rows.push(["note", cause.note]);
  }
  if (loss !== null) {
    const lost = loss.lostKernel + loss.lostAgent;
    rows.push([
      "samples",
      `${loss.taken} taken = ${loss.stored} stored + ${lost} lost, ${loss.truncated} truncated`,
    ]);
  }
  for (const { kind, quality } of stacks) {
    rows.push([stacks.length > 1 ? `stacks ${kind}` : "stacks", describeQuality(quality)]);
  }
  return formatTable([["FIELD", "VALUE"], ...rows]);
}

const countNames = [["requests", "requests"], ["errors", "errors"], ["pending", "in flight"]] as const;
