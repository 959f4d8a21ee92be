import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import type {
  ContinuousProfilingReport,
  ContinuousProfilingService,
} from "../../gen/skywalking/v3/continuous_profiling_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { makeCommand, noCommands, requireAgent, sessionKey } from "./call_context.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverShared } from "./rover_shared.ts";

const kinds = {
  onCPU: ProfileKind.ON_CPU,
  offCPU: ProfileKind.OFF_CPU,
  network: ProfileKind.NETWORK,
} as const;
const longestDurationSeconds = 3_600;
/** Ours have 128 characters; a longer one is none that we gave. */
const longestUuid = 200;

/** Policies for agents of SkyWalking, and the tasks that these trip. */
export function createContinuousService(
  options: RoverShared,
): ServiceImpl<typeof ContinuousProfilingService> {
  const { directory, admission, clock } = options;

  return {
    async queryPolicies({ policies }, context) {
      const session = context.values.get(sessionKey);
      const agents = directory.asking(session, new Set(policies.map(({ serviceName }) => serviceName)));
      for (const agent of agents) await noteHeld(agent, policies, context, clock.nowUnixMs());
      const changed = policies.flatMap(({ serviceName, uuid }) => {
        const service = agents.map(({ expression }) => expression.services.get(serviceName)).find(Boolean);
        if (service === undefined) return uuid === "" ? [] : [{ ServiceName: serviceName, UUID: "" }];
        if (service.uuid === uuid) return [];
        return [{ ServiceName: serviceName, UUID: service.uuid, Profiling: service.profiling }];
      });
      if (changed.length === 0) return noCommands;
      const ServiceWithPolicyJSON = JSON.stringify(changed);
      return { commands: [makeCommand("ContinuousProfilingPolicyQuery", { ServiceWithPolicyJSON })] };
    },

    async reportProfilingTask(report, context) {
      const found = directory.named(readReport(report), context.values.get(sessionKey));
      if (found === undefined) {
        throw new ConnectError("No agent has reported this process", Code.NotFound);
      }
      const { agent, process } = found;
      requireAgent(agent.info.agentId, context);
      const kind = kinds[report.targetTask.case!];
      const outcome = await admission.admit(agent, process, {
        ...{ kind, causes: report.causes },
        durationSeconds: Math.min(Math.max(report.duration, 1), longestDurationSeconds),
      });
      if (outcome.refused !== undefined) {
        throw new ConnectError(outcome.refused, Code.FailedPrecondition);
      }
      return { commands: [makeCommand("ContinuousProfilingReportTask", { TaskId: outcome.taskId })] };
    },
  };
}

/** Notes what the agent holds, for the policies' pages; its status goes out when that has changed. */
async function noteHeld(
  agent: RoverAgent,
  held: readonly { readonly serviceName: string; readonly uuid: string }[],
  context: HandlerContext,
  nowMs: number,
): Promise<void> {
  requireAgent(agent.info.agentId, context);
  agent.seenAtMs = nowMs;
  let isNew = false;
  for (const { serviceName, uuid } of held) {
    const isKnown = agent.expression.services.has(serviceName) || agent.heldUuids.has(serviceName);
    if (!isKnown || agent.heldUuids.get(serviceName) === uuid) continue;
    agent.heldUuids.set(serviceName, uuid.slice(0, longestUuid));
    isNew = true;
  }
  if (isNew) await agent.report([agent.statusBody()]);
}

function readReport(report: ContinuousProfilingReport) {
  if (report.targetTask.case === undefined) {
    throw new ConnectError("The report has no target", Code.InvalidArgument);
  }
  const { layer, serviceName: service, instanceName: instance, processName } = report;
  return { layer, service, instance, processName };
}
