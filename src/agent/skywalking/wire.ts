import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import type { Logger } from "../../../lib/log.ts";
import { ContinuousProfilingService } from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import {
  type EBPFProfilingData,
  EBPFProfilingService,
  EBPFProfilingTaskMetadataSchema,
} from "../../gen/skywalking/v3/ebpf_profiling_pb.ts";
import {
  type MeterDataCollection,
  MeterDataCollectionSchema,
  MeterReportService,
} from "../../gen/skywalking/v3/meter_pb.ts";
import { type LogData, LogReportService } from "../../gen/skywalking/v3/logging_pb.ts";
import {
  type SpanAttachedEvent,
  SpanAttachedEventReportService,
} from "../../gen/skywalking/v3/span_attached_event_pb.ts";
import type { SkyWalkingMeters, SkyWalkingProfile } from "../../gen/stakeout/v1/skywalking_queue_pb.ts";
import type { QueuedRecord, RecordBody, ReportWire } from "../report_wire.ts";
import type { SpoolRecord } from "../spool_record.ts";
import { describeOapError } from "./oap_error.ts";
import type { RecordEncoder } from "./record_encoder.ts";
import { groupRecords, type RecordGroup } from "./record_groups.ts";
import type { TaskIds } from "./task_ids.ts";
import type { TaskSender } from "./task_sender.ts";
import type { OapTransport } from "./transport.ts";

export interface SkyWalkingWireParts {
  readonly encoder: RecordEncoder;
  readonly tasks: TaskSender;
  readonly ids: TaskIds;
  readonly logger: Logger;
}

const callMs = 10_000;
const streamMs = 30_000;
/** Attempts after which what an OAP answers with an error is taken for refused, if it answers anything else well. */
const mostAttempts = 3;
/** What an OAP may answer to any record, while it is overloaded or set up wrongly. */
const passing: ReadonlySet<Code> = new Set([
  ...[Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Aborted, Code.ResourceExhausted],
  ...[Code.Unauthenticated, Code.PermissionDenied],
]);
const missingMs = 10 * 60_000;

/**
 * SkyWalking's wire: meters, stacks, logs and events of spans in client streams, tasks one by one. The queue holds
 * stakeout.v1.SkyWalkingRecords.
 *
 * Sent again after a stream broke off: an OAP keeps stacks once, because time and number of each are always the same;
 * meters are dated alike, so that a mean may have a value in it twice; logs and events are there twice.
 * Loss: what a service of the OAP is not there for is left out for ten minutes, then tried again; so is what the OAP
 * refuses, and what belongs to a task that it gave no id. Both are logged.
 */
export class SkyWalkingWire implements ReportWire {
  readonly url: string;
  /** There is nothing to wait for: meters come with each other, and with the questions. */
  readonly gatherMs = 0;
  readonly #parts: SkyWalkingWireParts;
  readonly #meters: Client<typeof MeterReportService>;
  readonly #profiling: Client<typeof EBPFProfilingService>;
  readonly #continuous: Client<typeof ContinuousProfilingService>;
  readonly #logs: Client<typeof LogReportService>;
  readonly #spanEvents: Client<typeof SpanAttachedEventReportService>;
  /** Until when a kind of record is left out. */
  readonly #missingUntilMs = new Map<RecordGroup["kind"], number>();
  #failing = { sequence: 0, attempts: 0 };

  constructor(oap: OapTransport, parts: SkyWalkingWireParts) {
    this.url = oap.url;
    this.#parts = parts;
    this.#meters = createClient(MeterReportService, oap.transport);
    this.#profiling = createClient(EBPFProfilingService, oap.transport);
    this.#continuous = createClient(ContinuousProfilingService, oap.transport);
    this.#logs = createClient(LogReportService, oap.transport);
    this.#spanEvents = createClient(SpanAttachedEventReportService, oap.transport);
  }

  encode(body: RecordBody): readonly QueuedRecord[] {
    return this.#parts.encoder.encode(body);
  }

  async send(records: readonly SpoolRecord[], signal: AbortSignal): Promise<number> {
    if (records.length === 0) {
      await this.#continuous.queryPolicies({}, { signal, timeoutMs: callMs });
      return 0;
    }
    let sent = 0;
    for (const group of groupRecords(records, this.#parts.logger)) {
      try {
        await this.#sendGroup(group, signal);
      } catch (error) {
        if (sent > 0) return sent;
        throw this.#judge(error, records[0]!.sequence);
      }
      sent = group.lastSequence;
    }
    return sent;
  }

  describeError(error: unknown): string {
    return describeOapError(error, this.url);
  }

  async #sendGroup(group: RecordGroup, signal: AbortSignal): Promise<void> {
    if (performance.now() < (this.#missingUntilMs.get(group.kind) ?? 0)) return;
    try {
      if (group.kind === "task") await this.#parts.tasks.send(group.task, signal);
      if (group.kind === "meters") await this.#sendMeters(group.meters, signal);
      if (group.kind === "profiles") await this.#sendProfiles(group.profiles, signal);
      const options = { signal, timeoutMs: streamMs };
      if (group.kind === "logs") {
        await this.#logs.collect(inTurn<LogData>(group.logs.flatMap(({ logs }) => logs)), options);
      }
      if (group.kind === "spanEvents") {
        const events = group.spanEvents.flatMap(({ events }) => events);
        await this.#spanEvents.collect(inTurn<SpanAttachedEvent>(events), options);
      }
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
      this.#missingUntilMs.set(group.kind, performance.now() + missingMs);
      this.#parts.logger.warn("The OAP takes no reports of a kind, which are left out", {
        kind: group.kind,
        minutes: missingMs / 60_000,
        reason: this.describeError(error),
      });
    }
  }

  async #sendMeters(meters: readonly SkyWalkingMeters[], signal: AbortSignal): Promise<void> {
    const all = meters.flatMap(({ collections }) => collections.map(asCollection));
    await this.#meters.collectBatch(inTurn<MeterDataCollection>(all), { signal, timeoutMs: streamMs });
  }

  async #sendProfiles(profiles: readonly SkyWalkingProfile[], signal: AbortSignal): Promise<void> {
    const all = profiles.flatMap((profile) => this.#toData(profile));
    if (all.length === 0) return;
    await this.#profiling.collectProfilingData(inTurn<EBPFProfilingData>(all), {
      signal,
      timeoutMs: streamMs,
    });
  }

  /** With the task in the first; nothing when the OAP does not know it. */
  #toData({ key, startedAtUnixMs, atUnixMs, data }: SkyWalkingProfile): EBPFProfilingData[] {
    const known = key === undefined ? undefined : this.#parts.ids.get(key);
    const [first] = data;
    if (first === undefined) return [];
    if (known === undefined || known.taskId === "") {
      this.#parts.logger.warn("Stacks of a task that the OAP does not know are left out", {
        task: key?.taskId ?? "",
      });
      return [];
    }
    const { taskId, processId } = known;
    first.task = create(EBPFProfilingTaskMetadataSchema, {
      ...{ taskId, processId, profilingStartTime: startedAtUnixMs, currentTime: atUnixMs },
    });
    return data;
  }

  /** A failure that comes again and again is one of the record, unless the OAP fails at all else too: the caller finds out. */
  #judge(error: unknown, sequence: number): ConnectError {
    const failure = ConnectError.from(error);
    // A stream that was lost has a code of its own making; an answer has the one of its trailers.
    if (!failure.metadata.has("grpc-status") || passing.has(failure.code)) return failure;
    const attempts = this.#failing.sequence === sequence ? this.#failing.attempts + 1 : 1;
    this.#failing = { sequence, attempts };
    const isStubborn = attempts >= mostAttempts || failure.code === Code.InvalidArgument;
    return isStubborn
      ? new ConnectError(failure.rawMessage, Code.InvalidArgument, undefined, undefined, error)
      : failure;
  }
}

/** A collection that is serialized already: what comes after its first tag goes out as it is, as an unknown field. */
function asCollection(bytes: Uint8Array): MeterDataCollection {
  const collection = create(MeterDataCollectionSchema);
  const { number: no } = MeterDataCollectionSchema.field.meterData;
  collection.$unknown = [{ no, wireType: WireType.LengthDelimited, data: bytes.subarray(1) }];
  return collection;
}

/** As the RPC library wants the messages of a stream. */
async function* inTurn<T>(messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}
