import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import {
  type AgentInfo,
  AgentInfoSchema,
  type AgentService,
  type AgentStatus,
  type ReportRequest,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { AgentEvent } from "./agent_stream.ts";
import type { CommandDesk } from "./command_desk.ts";
import type { ChangeFeed, ChangeTopic } from "./change_feed.ts";
import type { IngestCounters } from "./ingest_counters.ts";
import type { PolicyBook } from "./policy_book.ts";
import { readRecord, RecordRefusedError } from "./report_intake.ts";
import { reportLimits } from "./report_limits.ts";
import { principalKey } from "./request_gate.ts";
import type { ReportItem, Store } from "./store/store.ts";
import { toWirePolicy } from "./wire.ts";

export interface AgentServiceOptions {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly desk: CommandDesk;
  readonly book: PolicyBook;
  readonly feed: ChangeFeed;
  readonly counters: IngestCounters;
  readonly clock: Clock;
  readonly heartbeatMs: number;
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

/** What agents call: policies and commands down, records up. */
export function createAgentService(options: AgentServiceOptions): ServiceImpl<typeof AgentService> {
  const { store, agents, desk, book, feed, counters, clock, heartbeatMs } = options;

  function toResponse(event: AgentEvent) {
    const setVersion = BigInt(book.setVersion);
    switch (event.kind) {
      case "policies": {
        const policies = book.entries.map(({ stored }) => toWirePolicy(stored));
        return { setVersion, event: { case: "policies" as const, value: { policies } } };
      }
      case "command":
        return { setVersion, event: event.command };
      default: {
        const atUnixMs = BigInt(clock.nowUnixMs());
        return { setVersion, event: { case: "heartbeat" as const, value: { atUnixMs } } };
      }
    }
  }

  return {
    async *watch(request, context) {
      const info = readAgent(request.agent, context);
      const stream = agents.openStream(info);
      feed.publish("agents");
      try {
        while (true) {
          const event = await stream.next(heartbeatMs, context.signal);
          if (event.kind === "end") return;
          yield toResponse(event);
        }
      } finally {
        agents.closeStream(info.agentId, stream);
        feed.publish("agents");
      }
    },

    answerCommand(request, context) {
      const { agentId } = readAgent(request.agent, context);
      const { commandId, taskId, refused } = request;
      if (refused.length > reportLimits.messageBytes || !/^([0-9a-f]{32})?$/.test(taskId)) {
        throw new ConnectError("Answer has a bad task id, or a text that is too long", Code.InvalidArgument);
      }
      desk.answer(agentId, commandId, { taskId, refused });
      return {};
    },

    async report(request, context) {
      const info = readAgent(request.agent, context);
      const nowMs = clock.nowUnixMs();
      const { items, refusals, lastSequence, status } = readRecords(request, info, nowMs);
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
        return { acknowledgedSequence: BigInt(acknowledged), refusals };
      } catch (error) {
        counters.failedReports++;
        throw error;
      }
    },
  };
}

function readRecords({ records }: ReportRequest, { agentId, host }: AgentInfo, nowMs: number) {
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

/** Checks who the agent says it is against what its token allows. */
function readAgent(info: AgentInfo | undefined, context: HandlerContext): AgentInfo {
  if (info === undefined || !/^[A-Za-z0-9._-]{1,64}$/.test(info.agentId)) {
    throw new ConnectError("Agent id is missing or not 1 to 64 of A-Z a-z 0-9 . _ -", Code.InvalidArgument);
  }
  for (const text of [info.host, info.version, info.kernel, info.bootId]) {
    if (text.length > reportLimits.nameBytes) {
      throw new ConnectError(
        `Text about the agent is over ${reportLimits.nameBytes} bytes`,
        Code.InvalidArgument,
      );
    }
  }
  const allowed = context.values.get(principalKey)?.agentIds;
  if (allowed !== undefined && !allowed.includes(info.agentId)) {
    throw new ConnectError(
      "This token is for another agent; use the one made for this agent id",
      Code.PermissionDenied,
    );
  }
  return info;
}

function taskIdOf(item: ReportItem): string | undefined {
  if (item.kind === "task") return item.task.id;
  return item.kind === "profile" ? item.taskId : undefined;
}
