import { create, fromBinary } from "@bufbuild/protobuf";
import {
  type NetworkFarEnd,
  NetworkFarEndSchema,
  type NetworkProfile,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { TaskSchema } from "../../gen/stakeout/v1/task_pb.ts";
import type { FarEnd } from "../store/store.ts";
import { addTraffic } from "./sum_traffic.ts";

const mostProcesses = 16;

/** What another task has in common with one. */
export interface FarTask {
  readonly taskId: string;
  /** The Task message. */
  readonly task: Uint8Array;
  readonly pairs: readonly { readonly edges: readonly number[]; readonly farEdges: readonly number[] }[];
}

/**
 * Chooses the tasks whose profiles have the other ends, most edges first. Several hosts may have the same private addresses:
 * the own host's ends go before others', and where several other hosts claim to be the end, none is believed.
 *
 * @param wanted Only ends of these edges; all when empty.
 */
export function chooseFarEnds(
  ends: readonly FarEnd[],
  agentId: string,
  wanted: readonly number[],
): FarTask[] {
  const only = new Set(wanted);
  const tasks = new Map<string, { task: Uint8Array; pairs: { edges: number[]; farEdges: number[] }[] }>();
  const asked = wanted.length === 0 ? ends : ends.filter(({ edge }) => only.has(edge));
  for (const claims of Map.groupBy(asked, ({ pair }) => pair).values()) {
    const agents = new Set(claims.map((end) => end.agentId));
    const believed = agents.has(agentId) ? agentId : agents.size === 1 ? claims[0]?.agentId : undefined;
    const own = claims.filter((end) => end.agentId === believed);
    for (const [taskId, rows] of Map.groupBy(own, (end) => end.taskId)) {
      const known = tasks.get(taskId) ?? { task: rows[0]!.task, pairs: [] };
      known.pairs.push({
        edges: [...new Set(rows.map(({ edge }) => edge))],
        farEdges: [...new Set(rows.map(({ farEdge }) => farEdge))],
      });
      tasks.set(taskId, known);
    }
  }
  return [...tasks].map(([taskId, rest]) => ({ taskId, ...rest }))
    .sort((one, other) => countEdges(other) - countEdges(one));
}

/** What another task's profile, of the same range of wall time, says of the other ends; only those where something passed. */
export function joinFarEnd({ taskId, task, pairs }: FarTask, seen: NetworkProfile): NetworkFarEnd[] {
  const { host } = fromBinary(TaskSchema, task);
  const { observedSeconds } = seen;
  const totals = new Map(seen.totals.map((row) => [row.edge, row]));
  const owners = new Map(seen.edges.map(({ edge, processId }) => [edge, processId]));
  return pairs.flatMap(({ edges, farEdges }) => {
    const rows = farEdges.flatMap((edge) => totals.get(edge) ?? []);
    if (rows.length === 0) return [];
    const total = create(NetworkTrafficSchema);
    let open = 0;
    for (const row of rows) {
      addTraffic(total, row);
      open += row.open;
    }
    total.open = open;
    const ids = new Set(farEdges.map((edge) => owners.get(edge)));
    const processes = seen.processes.filter(({ processId }) => ids.has(processId)).slice(0, mostProcesses);
    return [
      create(NetworkFarEndSchema, { edges: [...edges], taskId, host, processes, total, observedSeconds }),
    ];
  });
}

function countEdges({ pairs }: FarTask): number {
  return pairs.reduce((sum, { edges }) => sum + edges.length, 0);
}
