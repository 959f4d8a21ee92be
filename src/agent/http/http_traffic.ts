import { create } from "@bufbuild/protobuf";
import {
  type HttpTraffic,
  HttpTrafficSchema,
  type ProcessHttp,
} from "../../gen/stakeout/v1/agent_service_pb.ts";
import { HttpPathSchema, ProcessHttpSchema } from "../../gen/stakeout/v1/agent_service_pb.ts";
import type { FollowedProcess } from "./followed_process.ts";
import type { HttpMonitor } from "./http_monitor.ts";
import { type PlaceCounts, roleNumbers } from "./http_places.ts";
import type { HttpRole } from "./http_role.ts";

/** Of a process with many open files they are not read for each record. */
const pendingValidNs = 15e9;
/** Of one record: 65 paths of 128 bytes that are no UTF-8 make 28 KB, and a record of 3 MiB is the most that is sent. */
const processesOfRecord = 64;

/**
 * Makes the records of what all processes' HTTP was since the last ones, at most 64 processes each; none when there was none.
 *
 * @param startUnixMs Wall clock of the start of the first of the `seconds`.
 */
export function takeHttpTraffic(
  monitor: HttpMonitor,
  span: { startUnixMs: number; seconds: number; atBootNs: number },
): HttpTraffic[] {
  const { places } = monitor;
  if (places === undefined) return [];
  monitor.readAllPending();
  const processes: ProcessHttp[] = [];
  for (const followed of monitor.followed) {
    const counts = places.counts(followed.http.number);
    for (const role of followed.http.roles.values()) {
      const process = takeProcess(followed, role, counts, span.atBootNs);
      if (process.connections?.tls) process.tlsReason = monitor.tlsReason(followed.live.process.id);
      const { requests, inFlight, connections } = process;
      const known = Object.values(connections ?? {}).some((count) => typeof count === "bigint" && count > 0n);
      if (requests > 0n || inFlight > 0 || known) processes.push(process);
    }
  }
  const startUnixMs = BigInt(Math.round(span.startUnixMs));
  const records: HttpTraffic[] = [];
  for (let from = 0; from < processes.length; from += processesOfRecord) {
    const part = processes.slice(from, from + processesOfRecord);
    records.push(create(HttpTrafficSchema, { startUnixMs, seconds: span.seconds, processes: part }));
  }
  return records;
}

function takeProcess(
  { live, pending }: FollowedProcess,
  role: HttpRole,
  counts: PlaceCounts,
  atBootNs: number,
): ProcessHttp {
  const totals = role.takeTotals();
  const [http = 0n, http2 = 0n, tls = 0n, ioUring = 0n, otherCall = 0n, unknown = 0n, tlsRead = 0n] = counts
    .connections[role.role].map(BigInt);
  const isRead = pending !== undefined && atBootNs - pending.atBootNs < pendingValidNs;
  const inFlight = isRead ? pending.requests.filter((one) => one.role === roleNumbers[role.role]) : [];
  const oldestNs = inFlight.reduce((oldest, { startBootNs }) => Math.max(oldest, atBootNs - startBootNs), 0);
  return create(ProcessHttpSchema, {
    processId: live.process.id,
    client: role.role === "client",
    requests: BigInt(totals.requests),
    errors4xx: BigInt(totals.errors4xx),
    errors5xx: BigInt(totals.errors5xx),
    inFlight: inFlight.length,
    inFlightUnread: !isRead,
    oldestInFlightMs: oldestNs / 1e6,
    connections: { http, http2, tls, ioUring, otherCall, unknown, tlsRead },
    paths: role.paths.take().map((path) =>
      create(HttpPathSchema, {
        path: path.path.toWellFormed(),
        requests: BigInt(path.requests),
        errors4xx: BigInt(path.errors4xx),
        errors5xx: BigInt(path.errors5xx),
        meanMs: path.sumNs / path.requests / 1e6,
        maxMs: path.maxNs / 1e6,
      })
    ),
    sampled: BigInt(totals.sampled),
    lostSamples: BigInt(counts.lostSamples),
    pipelined: BigInt(counts.pipelined),
    unreadable: BigInt(counts.unreadable),
  });
}
