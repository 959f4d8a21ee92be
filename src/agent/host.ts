import { create } from "@bufbuild/protobuf";
import { onlineCpus } from "../../lib/sys/perf_event.ts";
import { type AgentInfo, AgentInfoSchema } from "../gen/stakeout/v1/agent_service_pb.ts";
import { version } from "../model/version.ts";

/** The boot's UUID, part of every process's id. Source: /proc/sys/kernel/random/boot_id. */
export function readBootId(): string {
  return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}

/** What this host is called: in a Kubernetes pod, whose own name says nothing of it, the node. */
export function readHostName(): string {
  const node = Deno.env.get("KUBERNETES_SERVICE_HOST") ? Deno.env.get("NODE_NAME") : undefined;
  return node || Deno.hostname();
}

/** Who this agent is, as it tells the backend with every call. */
export function describeAgent(agentId: string): AgentInfo {
  return create(AgentInfoSchema, {
    agentId,
    host: readHostName(),
    version,
    kernel: Deno.osRelease(),
    bootId: readBootId(),
    cpus: onlineCpus().length,
  });
}
