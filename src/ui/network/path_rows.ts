import { type NetworkProfile, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { addRequests, latencyNs, noRequests, type RequestSum } from "./traffic_sum.ts";

/** A path of one side, over all edges of a profile. */
export interface PathRow {
  /** `""` is all requests without a path of their own. */
  readonly path: string;
  readonly isServer: boolean;
  readonly sum: RequestSum;
}

/**
 * Paths with the most requests first; what the edges counted beyond them stands last, without the times of the others unless
 * it is all there is.
 */
export function listPaths(profile: NetworkProfile): PathRow[] {
  const totals = new Map(profile.pathTotals.map(({ pathNumber, http }) => [pathNumber, http]));
  const isServer = new Map(profile.edges.map(({ edge, role }) => [edge, role === NetworkRole.SERVER]));
  const rows = new Map<string, PathRow>();
  const named = { served: noRequests(), called: noRequests() };
  for (const { path, edge, pathNumber } of profile.paths) {
    const http = totals.get(pathNumber);
    if (http === undefined) continue;
    const served = isServer.get(edge) ?? false;
    const key = `${served} ${path}`;
    const row = rows.get(key) ?? { path, isServer: served, sum: noRequests() };
    rows.set(key, row);
    addRequests(row.sum, http);
    addRequests(named[served ? "served" : "called"], http);
  }
  const all = { served: noRequests(), called: noRequests() };
  for (const { edge, http } of profile.totals) {
    addRequests(all[isServer.get(edge) ? "served" : "called"], http);
  }
  const rest = (["served", "called"] as const).flatMap((side): PathRow[] => {
    const [sum, part] = [all[side], named[side]];
    const requests = sum.requests - part.requests;
    if (requests <= 0) return [];
    const isServer = side === "served";
    if (part.requests === 0) return [{ path: "", isServer, sum }];
    const errors4xx = Math.max(0, sum.errors4xx - part.errors4xx);
    const errors5xx = Math.max(0, sum.errors5xx - part.errors5xx);
    return [{ path: "", isServer, sum: { ...noRequests(), requests, errors4xx, errors5xx } }];
  });
  const sorted = [...rows.values()].sort((one, two) =>
    two.sum.requests - one.sum.requests || (one.path < two.path ? -1 : 1)
  );
  return [...sorted, ...rest];
}

/** Values that rows can be ordered by. */
export const pathValues = {
  requests: ({ requests }: RequestSum) => requests,
  errors4xx: ({ errors4xx }: RequestSum) => errors4xx,
  errors5xx: ({ errors5xx }: RequestSum) => errors5xx,
  p50: (sum: RequestSum) => latencyNs(sum, 0.5) ?? 0,
  p95: (sum: RequestSum) => latencyNs(sum, 0.95) ?? 0,
  p99: (sum: RequestSum) => latencyNs(sum, 0.99) ?? 0,
} as const;
export type PathOrder = keyof typeof pathValues;
