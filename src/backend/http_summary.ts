import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type HttpPath,
  HttpPathSchema,
  type ProcessHttp,
  ProcessHttpSchema,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import type { SeenPathSchema } from "../gen/stakeout/v1/policy_service_pb.ts";
import type { HttpSummarySchema } from "../gen/stakeout/v1/query_service_pb.ts";
import type { StoredHttp } from "./store/store.ts";

const pathsListed = 64;
/** As the agent marks a path that it cut. */
const cutMark = "…";

/**
 * Sums the records of one process up, newest first, one summary a side, the server's first: counts and paths of the whole
 * stretch, connections and requests in flight of the newest record.
 */
export function sumUpHttp(records: readonly StoredHttp[]): MessageInitShape<typeof HttpSummarySchema>[] {
  const sides = [false, true].map((client) =>
    records.map((record) => ({ ...record, http: fromBinary(ProcessHttpSchema, record.data) }))
      .filter(({ http }) => http.client === client)
  );
  return sides.flatMap((side) => {
    const newest = side[0];
    const oldest = side.at(-1);
    if (newest === undefined || oldest === undefined) return [];
    const http = side.slice(1).reduce((sum, next) => addCounts(sum, next.http), newest.http);
    const endMs = newest.startMs + newest.seconds * 1000;
    return [{
      startUnixMs: BigInt(oldest.startMs),
      // Records without any request are not sent: their seconds count too.
      seconds: Math.max(1, Math.round((endMs - oldest.startMs) / 1000)),
      http: { ...http, paths: joinPaths(side.flatMap(({ http }) => http.paths)) },
    }];
  });
}

/** Paths of the records that a rule can be limited to, most requests first. A path that was cut is none. */
export function listSeenPaths(records: readonly StoredHttp[]): MessageInitShape<typeof SeenPathSchema>[] {
  const sides = records.map(({ data }) => fromBinary(ProcessHttpSchema, data));
  return [false, true].flatMap((client) =>
    joinPaths(sides.filter((side) => side.client === client).flatMap(({ paths }) => paths))
      .filter(({ path }) => path.startsWith("/") && !path.endsWith(cutMark))
      .map(({ path, requests }) => ({ path, client, requests }))
  ).sort((one, two) => Number(two.requests - one.requests)).slice(0, pathsListed);
}

function addCounts(sum: ProcessHttp, more: ProcessHttp): ProcessHttp {
  return {
    ...sum,
    requests: sum.requests + more.requests,
    errors4xx: sum.errors4xx + more.errors4xx,
    errors5xx: sum.errors5xx + more.errors5xx,
    sampled: sum.sampled + more.sampled,
  };
}

/** One entry a path, most requests first; what is over the limit joins the empty path, which stays last. */
function joinPaths(paths: readonly HttpPath[]): HttpPath[] {
  const joined = new Map<string, HttpPath>();
  for (const path of paths) joined.set(path.path, addPath(joined.get(path.path), path, path.path));
  const rest = joined.get("");
  joined.delete("");
  const sorted = [...joined.values()].sort((one, two) => Number(two.requests - one.requests));
  const over = [...sorted.splice(pathsListed), ...rest === undefined ? [] : [rest]];
  if (over.length === 0) return sorted;
  return [...sorted, over.reduce((sum, one) => addPath(sum, one, ""), create(HttpPathSchema))];
}

function addPath(sum: HttpPath | undefined, more: HttpPath, path: string): HttpPath {
  if (sum === undefined) return more;
  const requests = sum.requests + more.requests;
  const weighted = sum.meanMs * Number(sum.requests) + more.meanMs * Number(more.requests);
  return create(HttpPathSchema, {
    path,
    requests,
    errors4xx: sum.errors4xx + more.errors4xx,
    errors5xx: sum.errors5xx + more.errors5xx,
    meanMs: requests === 0n ? 0 : weighted / Number(requests),
    maxMs: Math.max(sum.maxMs, more.maxMs),
  });
}
