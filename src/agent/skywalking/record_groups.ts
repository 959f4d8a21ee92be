import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "../../../lib/log.ts";
import {
  type SkyWalkingLogs,
  type SkyWalkingMeters,
  type SkyWalkingProfile,
  SkyWalkingRecordSchema,
  type SkyWalkingSpanEvents,
  type SkyWalkingTask,
} from "../../gen/stakeout/v1/skywalking_queue_pb.ts";
import type { SpoolRecord } from "../spool_record.ts";

/** Records that go out in one call. */
export type RecordGroup =
  & { readonly lastSequence: number; readonly bytes: number }
  & (
    | { readonly kind: "meters"; readonly meters: readonly SkyWalkingMeters[] }
    | { readonly kind: "logs"; readonly logs: readonly SkyWalkingLogs[] }
    | { readonly kind: "spanEvents"; readonly spanEvents: readonly SkyWalkingSpanEvents[] }
    | { readonly kind: "task"; readonly task: SkyWalkingTask }
    | { readonly kind: "profiles"; readonly profiles: readonly SkyWalkingProfile[] }
    | { readonly kind: "none" }
  );

/** An OAP keeps twice what comes again after a stream broke off, except for profiles: so much at most. */
const streamBytes = 128 * 1024;

/**
 * Puts neighbours of one kind together, in order: meters, logs and events of spans up to 128 KiB, profiles without a limit,
 * tasks one by one. A record that cannot be read is a group of its own with nothing in it, and logged.
 */
export function groupRecords(records: readonly SpoolRecord[], logger: Logger): RecordGroup[] {
  const groups: RecordGroup[] = [];
  for (const record of records) {
    const group = read(record, logger);
    const last = groups.at(-1);
    const joined = last === undefined ? undefined : join(last, group);
    if (joined === undefined) groups.push(group);
    else groups[groups.length - 1] = joined;
  }
  return groups;
}

function read(record: SpoolRecord, logger: Logger): RecordGroup {
  const about = { lastSequence: record.sequence, bytes: record.body.length };
  try {
    const { body } = fromBinary(SkyWalkingRecordSchema, record.body);
    if (body.case === "meters") return { ...about, kind: "meters", meters: [body.value] };
    if (body.case === "task") return { ...about, kind: "task", task: body.value };
    if (body.case === "profile") return { ...about, kind: "profiles", profiles: [body.value] };
    if (body.case === "logs") return { ...about, kind: "logs", logs: [body.value] };
    if (body.case === "spanEvents") return { ...about, kind: "spanEvents", spanEvents: [body.value] };
  } catch (error) {
    logger.warn("A record of the queue cannot be read and is left out", { sequence: record.sequence, error });
  }
  return { ...about, kind: "none" };
}

function join(one: RecordGroup, other: RecordGroup): RecordGroup | undefined {
  const about = { lastSequence: other.lastSequence, bytes: one.bytes + other.bytes };
  if (one.kind === "profiles" && other.kind === "profiles") {
    return { ...about, kind: "profiles", profiles: [...one.profiles, ...other.profiles] };
  }
  if (about.bytes > streamBytes) return undefined;
  if (one.kind === "meters" && other.kind === "meters") {
    return { ...about, kind: "meters", meters: [...one.meters, ...other.meters] };
  }
  if (one.kind === "logs" && other.kind === "logs") {
    return { ...about, kind: "logs", logs: [...one.logs, ...other.logs] };
  }
  if (one.kind === "spanEvents" && other.kind === "spanEvents") {
    return { ...about, kind: "spanEvents", spanEvents: [...one.spanEvents, ...other.spanEvents] };
  }
  return undefined;
}
