import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import type { AgentInfo, AgentService } from "../gen/stakeout/v1/agent_service_pb.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { AgentEvent } from "./agent_stream.ts";
import type { CommandDesk } from "./command_desk.ts";
import type { ChangeFeed } from "./change_feed.ts";
import type { PolicyBook } from "./policy_book.ts";
import { reportLimits } from "./report_limits.ts";
import type { ReportSink } from "./report_sink.ts";
import { principalKey } from "./request_gate.ts";
import { toWirePolicy } from "./wire.ts";

export interface AgentServiceOptions {
  readonly agents: AgentDirectory;
  readonly desk: CommandDesk;
  readonly book: PolicyBook;
  readonly feed: ChangeFeed;
  readonly sink: ReportSink;
  readonly clock: Clock;
  readonly heartbeatMs: number;
}

/** What agents call: policies and commands down, records up. */
export function createAgentService(options: AgentServiceOptions): ServiceImpl<typeof AgentService> {
  const { agents, desk, book, feed, sink, clock, heartbeatMs } = options;

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
      const { acknowledged, refusals } = await sink.put(readAgent(request.agent, context), request.records);
      return { acknowledgedSequence: BigInt(acknowledged), refusals };
    },
  };
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
