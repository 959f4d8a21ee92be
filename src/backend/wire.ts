import { fromBinary } from "@bufbuild/protobuf";
import { ProcessSchema } from "../gen/stakeout/v1/process_pb.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { StoredPolicy, StoredProcess } from "./store/store.ts";

/** A stored policy as the wire has it. */
export function toWirePolicy({ name, source, version, updatedAtMs }: StoredPolicy) {
  return { name, source, version, updatedAtUnixMs: BigInt(updatedAtMs) };
}

/** A stored process as the wire has it, with the policies that match it now. */
export function toProcessSummary(row: StoredProcess, agents: AgentDirectory) {
  return {
    process: fromBinary(ProcessSchema, row.data),
    agentId: row.agentId,
    host: row.host,
    cpuPercent: row.cpuPercent,
    threads: row.threads,
    policies: [...agents.policiesOf(row.agentId, row.id)],
    endedAtUnixMs: BigInt(row.endedAtMs),
  };
}

/** The page's size that a request asks for: 100 by default, at most 1,000. */
export function readPageLimit(limit: number): number {
  return limit === 0 ? 100 : Math.min(limit, 1000);
}
