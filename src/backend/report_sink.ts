import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import {
  type AgentInfo,
  AgentInfoSchema,
  type AgentStatus,
  type Record as ReportRecord,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { ChangeFeed, ChangeTopic } from "./change_feed.ts";
import type { IngestCounters } from "./ingest_counters.ts";
import { readRecord, RecordRefusedError } from "./report_intake.ts";
import { reportLimits } from "./report_limits.ts";
import type { ReportItem, Store } from "./store/store.ts";

export interface ReportSinkOptions {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly feed: ChangeFeed;
  readonly counters: IngestCounters;
  readonly clock: Clock;
}

/** What became of a batch. */
export interface ReportOutcome {
  /** Everything of the agent at or below is stored, or was refused for good. */
  readonly acknowledged: number;
  readonly refusals: { readonly sequence: bigint; readonly reason: string }[];
}

const topics: Readonly<Record<ReportItem["kind"], ChangeTopic>> = {
  status: "agents",
  inventory: "inventory",
  metrics: "metrics",
  task: "tasks",
  profile: "profiles",
  refusal: "tasks",
  http: "http",
};

/** Where the records of every agent go, whatever wire they came over: checked, stored, counted and told to open pages. */
export class ReportSink {
  readonly #options: ReportSinkOptions;

  constructor(options: ReportSinkOptions) {
    this.#options = options;
  }

  /**
   * Stores one batch of an agent whose id and names have been checked.
   *
   * @throws {ConnectError} When the batch as a whole is wrong; a single wrong record is among the refusals.
   */
  async put(info: AgentInfo, records: readonly ReportRecord[]): Promise<ReportOutcome> {
    const { store, agents, feed, counters, clock } = this.#options;
    const nowMs = clock.nowUnixMs();
    const { items, refusals, lastSequence, status } = readRecords(records, info, nowMs);
    counters.reports++;
    try {
      const acknowledged = await store.putReport({
        agentId: info.agentId,
        info: toBinary(AgentInfoSchema, info),
        atMs: nowMs,
        lastSequence,
        items,
      });
      if (agents.seen(info, status)) feed.publish("agents");
      counters.refusedRecords += refusals.length;
      for (const { item } of items) {
        counters.countRecord(item.kind);
        if (item.kind === "metrics") counters.metricSlots += item.values.length;
        if (item.kind === "profile") counters.profileBytes += item.data.length;
        feed.publish(topics[item.kind], taskIdOf(item));
      }
      return { acknowledged, refusals };
    } catch (error) {
      counters.failedReports++;
      throw error;
    }
  }
}

function readRecords(records: readonly ReportRecord[], { agentId, host }: AgentInfo, nowMs: number) {
  if (records.length > reportLimits.records) {
    throw new ConnectError(
      `Report has ${records.length} records; send at most ${reportLimits.records} at once`,
      Code.InvalidArgument,
    );
  }
  const items: { sequence: number; item: ReportItem }[] = [];
  const refusals: { sequence: bigint; reason: string }[] = [];
  let lastSequence = 0;
  let status: AgentStatus | undefined;
  for (const record of records) {
    const sequence = Number(record.sequence);
    if (sequence <= lastSequence || !Number.isSafeInteger(sequence)) {
      throw new ConnectError(
        "Sequences of a report do not ascend; send the records in order",
        Code.InvalidArgument,
      );
    }
    lastSequence = sequence;
    try {
      items.push({ sequence, item: readRecord(record, { agentId, host, nowMs }) });
      if (record.body.case === "status") status = record.body.value;
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw error;
      refusals.push({ sequence: record.sequence, reason: error.message });
    }
  }
  return { items, refusals, lastSequence, status };
}

function taskIdOf(item: ReportItem): string | undefined {
  if (item.kind === "task") return item.task.id;
  return item.kind === "profile" ? item.taskId : undefined;
}
