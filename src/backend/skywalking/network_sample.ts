import type { LogData } from "../../gen/skywalking/v3/logging_pb.ts";
import { type NetworkSample, SampleReason, TraceHeader } from "../../gen/stakeout/v1/network_pb.ts";
import type { MeterEnds } from "./network_meter.ts";

/** A request that SkyWalking's agent sampled. */
export interface RoverSample extends
  Pick<
    NetworkSample,
    "reason" | "path" | "status" | "waitNs" | "complete" | "traceId" | "traceHeader"
  > {
  readonly ends: MeterEnds;
  /** From its first byte to the last of its answer. */
  readonly latencyMs: number;
}

const longestBody = 64 * 1024;
const longestPathBytes = 127;
const longestId = 128;
const longestAddress = 64;
const longestMs = 86_400_000;
const headers = new Map([["skywalking", TraceHeader.SW8], ["zipkin", TraceHeader.B3]]);
const encoder = new TextEncoder();

/**
 * Reads a log of a sampled request. Of its text only the fields named here are taken, and of its path nothing behind a `?`.
 *
 * Source: LogData with the tag LOG_KIND = NET_PROFILING_SAMPLED_TRACE, whose body is JSON.
 * Limits: 64 KiB of JSON, 127 bytes of path, 128 characters of a trace id.
 * Loss: undefined for every other log; "invalid" for one that makes no sense, for the caller to count.
 */
export function readNetworkSample(
  { tags, body, traceContext }: LogData,
): RoverSample | "invalid" | undefined {
  const kind = tags?.data.find(({ key }) => key === "LOG_KIND")?.value;
  if (kind !== "NET_PROFILING_SAMPLED_TRACE") return undefined;
  const log = body?.content.case === "json" ? readObject(body.content.value.json) : undefined;
  if (log === undefined) return "invalid";
  const ends = readEnds(log);
  const { latency: latencyMs, uri } = log;
  if (ends === undefined || typeof latencyMs !== "number" || typeof uri !== "string") return "invalid";
  if (!(latencyMs >= 0 && latencyMs <= longestMs)) return "invalid";
  const status = Number(log["status"]);
  const traceId = traceContext?.traceId ?? "";
  const traceHeader = headers.get(String(log["trace_provider"])) ?? TraceHeader.UNSPECIFIED;
  return {
    ...{ ends, latencyMs, path: cutPath(uri), complete: true },
    status: Number.isInteger(status) && status >= 100 && status <= 999 ? status : 0,
    reason: readReason(log["reason"]),
    // The parts of the time are not told.
    waitNs: BigInt(Math.round(latencyMs * 1e6)),
    ...(traceId.length <= longestId && /^[!-~]+$/.test(traceId)
      ? { traceId, traceHeader }
      : { traceId: "", traceHeader: TraceHeader.UNSPECIFIED }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function readObject(json: string): Fields | undefined {
  if (json.length > longestBody) return undefined;
  try {
    return toFields(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function toFields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null ? value as Fields : undefined;
}

function readEnds(log: Fields): MeterEnds | undefined {
  const isServer = log["detect_point"] === "server";
  const [own, other] = isServer ? ["server_process", "client_process"] : ["client_process", "server_process"];
  const processId = readText(toFields(log[own])?.["process_id"]);
  const far = toFields(log[other]);
  const peerId = readText(far?.["process_id"]);
  const isLocal = peerId !== "" || far?.["local"] === true;
  const peerAddress = isLocal ? "" : readText(far?.["address"]);
  if (processId === "" || peerAddress.length > longestAddress) return undefined;
  return { processId, isServer, peerId, peerAddress, isUdp: false, isTls: log["ssl"] === true };
}

function readText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function readReason(reason: unknown): SampleReason {
  if (reason === "slow") return SampleReason.SLOW;
  return readText(reason).startsWith("status_") ? SampleReason.FAILED : SampleReason.NORMAL;
}

/** Without its query, the host and password of a whole URL, and characters that nobody sees. */
function cutPath(uri: string): string {
  const [path = ""] = uri.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  // deno-lint-ignore no-control-regex
  const visible = path.replaceAll(/[\u0000-\u001f\u007f]/g, "?");
  const bytes = encoder.encode(visible);
  if (bytes.length <= longestPathBytes) return visible;
  // The end of a character that was cut is left out, and … has three bytes.
  return `${new TextDecoder().decode(bytes.subarray(0, longestPathBytes - 3), { stream: true })}…`;
}
