import type { Command } from "../../gen/skywalking/v3/common_pb.ts";
import type { ProfileKind } from "../../model/policy.ts";
import { argumentOf } from "./command.ts";
import { oapTargets } from "../../model/skywalking.ts";
import { noSampling, type ReadSamplingRules, readSamplingRules } from "./sampling_rules.ts";

/** A profile that somebody asked an OAP for by hand. */
export interface AskedTask {
  readonly taskId: string;
  /** The OAP's ids. */
  readonly processIds: readonly string[];
  readonly kind: ProfileKind;
  /** By the OAP's clock. */
  readonly startUnixMs: number;
  readonly durationSeconds: number;
  readonly updatedUnixMs: number;
  readonly sampling: ReadSamplingRules;
}

const longestSeconds = 3600;

/**
 * Reads a command EBPFProfilingTaskQuery; gives a sentence when it cannot be done.
 * Limits: at most an hour is profiled.
 */
export function readAskedTask(command: Command): AskedTask | string {
  const taskId = argumentOf(command, "TaskId");
  const trigger = argumentOf(command, "TriggerType");
  const target = argumentOf(command, "TargetType");
  const kind = oapTargets.get(target);
  const processIds = argumentOf(command, "ProcessId").split(",").map((id) => id.trim()).filter((id) =>
    id !== ""
  );
  const startUnixMs = Number(argumentOf(command, "TaskStartTime"));
  const durationSeconds = Number(argumentOf(command, "FixedTriggerDuration"));
  if (taskId === "" || processIds.length === 0) return "it has no TaskId or ProcessId";
  if (trigger !== "FIXED_TIME") return `its TriggerType ${JSON.stringify(trigger)} is not known here`;
  if (kind === undefined) return `its TargetType ${JSON.stringify(target)} is not known here`;
  if (!Number.isSafeInteger(startUnixMs)) return "its TaskStartTime is no time";
  if (!Number.isInteger(durationSeconds) || durationSeconds < 1) return "its FixedTriggerDuration is no time";
  const updatedUnixMs = Number(argumentOf(command, "TaskUpdateTime")) || 0;
  const sampling = kind === "network"
    ? readSamplingRules(argumentOf(command, "ExtensionConfigJSON"))
    : { rules: noSampling, problems: [] };
  return {
    ...{ taskId, processIds, kind, startUnixMs, updatedUnixMs, sampling },
    durationSeconds: Math.min(durationSeconds, longestSeconds),
  };
}
