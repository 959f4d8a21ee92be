import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import type { KeyStringValuePair } from "../../gen/skywalking/v3/common_pb.ts";
import type {
  EBPFProcessProperties,
  EBPFProcessReportList,
  EBPFProcessService,
} from "../../gen/skywalking/v3/ebpf_process_pb.ts";
import { isLoopback } from "../listen_address.ts";
import { reportLimits } from "../report_limits.ts";
import { peerKey } from "../request_gate.ts";
import { noCommands, requireAgent, sessionKey } from "./call_context.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverIdentity } from "./rover_directory.ts";
import { namesKey, readNames, type RoverProcess, toRoverProcess } from "./rover_process.ts";
import type { RoverShared } from "./rover_shared.ts";

/** Three beats of an agent, which come every 20 s. */
const forgottenMs = 60_000;

/** Inventory: what agents of SkyWalking report becomes processes of an agent of ours. */
export function createProcessService(options: RoverShared): ServiceImpl<typeof EBPFProcessService> {
  const { directory, commands, clock, logger } = options;

  function claim(request: EBPFProcessReportList, context: HandlerContext): RoverAgent {
    const session = context.values.get(sessionKey);
    const known = directory.find(request.ebpfAgentID, session);
    const identity = identify(request, context.values.get(peerKey));
    requireAgent(known?.info.agentId ?? identity.agentId, context);
    return known ?? directory.claim(identity, session);
  }

  return {
    async reportProcesses(request, context) {
      if (request.ebpfAgentID === "" || request.ebpfAgentID.length > reportLimits.idBytes) {
        throw new ConnectError("The agent has no id, or one that is too long", Code.InvalidArgument);
      }
      const agent = claim(request, context);
      const nowMs = clock.nowUnixMs();
      agent.seenAtMs = nowMs;
      const found = request.processes.map((process) => readProcess(agent, process, nowMs));
      const changed: RoverProcess[] = [];
      for (const one of found) {
        if (one === undefined) continue;
        const isKnown = agent.processes.has(one.process.id);
        if (!isKnown && agent.processes.size >= reportLimits.processes) {
          logger.warn("An agent of SkyWalking has more processes than are kept", {
            ...{ agent: agent.info.agentId, limit: reportLimits.processes },
          });
          break;
        }
        agent.putProcess(one.process);
        changed.push(one.process);
      }
      const gone = forget(agent, nowMs);
      agent.express();
      await agent.report([inventory(changed, gone, nowMs), agent.statusBody()]);
      commands.follow(agent);
      return { processes: found.flatMap((one) => one === undefined ? [] : [one.downstream]) };
    },

    async keepAlive({ processes, ebpfAgentID }, context) {
      const agent = directory.find(ebpfAgentID, context.values.get(sessionKey));
      if (agent === undefined) {
        // It reports everything again within minutes.
        logger.info("An agent of SkyWalking is not known here yet", { id: ebpfAgentID.slice(0, 100) });
        return noCommands;
      }
      requireAgent(agent.info.agentId, context);
      const nowMs = clock.nowUnixMs();
      agent.seenAtMs = nowMs;
      const beats = Map.groupBy(processes.slice(0, reportLimits.processes), ({ entityMetadata }) => {
        const names = readNames(entityMetadata);
        return names === undefined ? "" : namesKey(names);
      });
      for (const same of beats.values()) {
        const names = readNames(same[0]?.entityMetadata);
        if (names === undefined) continue;
        // A beat holds no pid: of several processes with the same names, as many as there are beats live, the newest first.
        for (const process of agent.named(names).slice(0, same.length)) process.keptAtMs = nowMs;
      }
      const gone = forget(agent, nowMs);
      if (gone.length > 0) agent.express();
      await agent.report([
        ...(gone.length === 0 ? [] : [inventory([], gone, nowMs)]),
        agent.statusBody(),
      ]);
      commands.follow(agent);
      return noCommands;
    },
  };
}

/** Drops the processes that no beat has held for three beats; their ids. */
function forget(agent: RoverAgent, nowMs: number): string[] {
  const gone = [...agent.processes.values()].filter(({ keptAtMs }) => nowMs - keptAtMs >= forgottenMs);
  for (const { id } of gone) agent.removeProcess(id);
  return gone.map(({ id }) => id);
}

/** A record of the inventory. */
export function inventory(changed: readonly RoverProcess[], gone: readonly string[], nowMs: number) {
  return {
    case: "inventory" as const,
    value: {
      changed: changed.map(({ row }) => row),
      goneProcessIds: [...gone],
      atUnixMs: BigInt(nowMs),
    },
  };
}

function readProcess(agent: RoverAgent, { metadata }: EBPFProcessProperties, atMs: number) {
  if (metadata.case === undefined) return undefined;
  const { entity, pid, properties } = metadata.value;
  const names = readNames(entity);
  if (names === undefined || entity === undefined || pid < 0) return undefined;
  const about = { pid, properties: readPairs(properties), labels: entity.labels, atMs };
  const process = toRoverProcess(agent.info.agentId, names, about);
  const value = { pid, entityMetadata: entity };
  return { process, downstream: { processId: process.id, process: { case: metadata.case, value } } };
}

function readPairs(pairs: readonly KeyStringValuePair[]): Record<string, string> {
  return Object.fromEntries(pairs.slice(0, 64).map(({ key, value }) => [key, value]));
}

/**
 * Who an agent is across its restarts, at each of which it calls itself anew: its host's address, or else the host's name
 * that its processes have for an instance, or the address it calls from.
 */
function identify({ processes, ebpfAgentID }: EBPFProcessReportList, peer: string): RoverIdentity {
  let address = "";
  let name = "";
  for (const { metadata } of processes) {
    if (metadata.case === undefined) continue;
    const { entity, properties } = metadata.value;
    const hostIp = properties.find(({ key }) => key === "host_ip")?.value ?? "";
    // Every host has this one.
    if (!isLoopback(hostIp)) address ||= hostIp;
    if (metadata.case === "hostProcess") name ||= entity?.instanceName ?? "";
  }
  const host = (name || address || peer || "unknown").slice(0, 200);
  const slug = (address || name || peer || "unknown").replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 50);
  return { agentId: `rover-${slug}`, host, bootId: ebpfAgentID };
}
