import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "../../../lib/log.ts";
import {
  type SkyWalkingMeters,
  type SkyWalkingProfile,
  SkyWalkingRecordSchema,
  type SkyWalkingTask,
} from "../../gen/stakeout/v1/skywalking_queue_pb.ts";
import type { SpoolRecord } from "../spool_record.ts";

/** Records that go out in one call. */
export type RecordGroup =
  & { readonly lastSequence: number; readonly bytes: number }
  & (
    | { readonly kind: "meters"; readonly meters: readonly SkyWalkingMeters[] }
    | { readonly kind: "task"; readonly task: SkyWalkingTask }
    | { readonly kind: "profiles"; readonly profiles: readonly SkyWalkingProfile[] }
    | { readonly kind: "none" }
  );

/** An OAP keeps the meters of a stream that breaks off and is sent again twice: so much at most. */
const meterStreamBytes = 128 * 1024;

/**
 * Puts neighbours of one kind together, in order: meters up to 128 KiB, profiles without a limit, tasks one by one. A record
 * that cannot be read is a group of its own with nothing in it, and logged.
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
  } catch (error) {
    logger.warn("A record of the queue cannot be read and is left out", { sequence: record.sequence, error });
  }
  return { ...about, kind: "none" };
}

function join(one: RecordGroup, other: RecordGroup): RecordGroup | undefined {
  const about = { lastSequence: other.lastSequence, bytes: one.bytes + other.bytes };
  if (one.kind === "meters" && other.kind === "meters" && about.bytes <= meterStreamBytes) {
    return { ...about, kind: "meters", meters: [...one.meters, ...other.meters] };
  }
  if (one.kind === "profiles" && other.kind === "profiles") {
    return { ...about, kind: "profiles", profiles: [...one.profiles, ...other.profiles] };
  }
  return undefined;
}
