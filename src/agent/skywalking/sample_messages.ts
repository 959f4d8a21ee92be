import { create } from "@bufbuild/protobuf";
import { type LogData, LogDataSchema } from "../../gen/skywalking/v3/logging_pb.ts";
import {
  type SpanAttachedEvent,
  SpanAttachedEvent_SpanReferenceType as SpanReferenceType,
  SpanAttachedEventSchema,
} from "../../gen/skywalking/v3/span_attached_event_pb.ts";
import { TraceHeader } from "../../gen/stakeout/v1/network_pb.ts";
import type { NetworkPeer } from "./network_peer.ts";
import type { SampledRequest } from "./sampled_requests.ts";

/** What an OAP knows a sampled request among logs by. */
const logKind = { key: "LOG_KIND", value: "NET_PROFILING_SAMPLED_TRACE" };

/** The log by which an OAP ties a request to its trace, and its trace to the line between two processes. */
export function toSampleLog(request: SampledRequest): LogData {
  const { sample, entity, isServer } = request;
  const own = { process_id: request.processId, local: false, address: "" };
  const peer = describePeer(request.peer);
  // Names and order as SkyWalking's agent has them.
  const json = {
    ...{ uri: sample.path, reason: request.reason, latency: request.latencyMs },
    trace_provider: isSkyWalking(request) ? "skywalking" : "zipkin",
    client_process: isServer ? peer : own,
    server_process: isServer ? own : peer,
    ...{ detect_point: roleOf(request), component: "http", ssl: request.tls, status: sample.status },
  };
  return create(LogDataSchema, {
    timestamp: sample.startedUnixUs / 1000n,
    ...{ service: entity.service, serviceInstance: entity.instance, layer: entity.layer },
    body: { type: "json", content: { case: "json", value: { json: JSON.stringify(json) } } },
    traceContext: { traceId: sample.traceId },
    tags: { data: [logKind] },
  });
}

/**
 * Request and response as events of the span that sent the request, as far as the rule asks for them; none where that span is
 * not known.
 *
 * SkyWalking's agent puts both in whole; heads and bodies hold secrets, so that here it is method and path without the query,
 * and the status.
 */
export function toSpanEvents(request: SampledRequest): SpanAttachedEvent[] {
  const { sample, rule, isServer } = request;
  if (sample.spanId === "") return [];
  const startNs = sample.startedUnixUs * 1000n;
  const responseNs = startNs + sample.requestNs + sample.waitNs;
  const events: SpanAttachedEvent[] = [];
  if (rule.completeRequest) {
    events.push(makeEvent(request, {
      ...{
        type: "request",
        direction: isServer ? "Ingress" : "Egress",
        startNs,
        endNs: startNs + sample.requestNs,
      },
      ...{ bytes: sample.requestBytes, content: `${sample.method} ${sample.path}`.trimStart() },
    }));
  }
  if (rule.completeResponse) {
    events.push(makeEvent(request, {
      ...{ type: "response", direction: isServer ? "Egress" : "Ingress", startNs: responseNs },
      ...{
        endNs: responseNs + sample.responseNs,
        bytes: sample.responseBytes,
        content: `HTTP/1.1 ${sample.status}`,
      },
    }));
  }
  return events;
}

interface Message {
  readonly type: "request" | "response";
  readonly direction: "Ingress" | "Egress";
  /** Unix time. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly bytes: bigint;
  readonly content: string;
}

function makeEvent(request: SampledRequest, message: Message): SpanAttachedEvent {
  const { sample: { traceId, traceSegmentId, spanId }, entity } = request;
  const tags = {
    data_size: formatSize(Number(message.bytes)),
    data_content: message.content,
    data_direction: message.direction,
    data_type: message.type,
    connection_role: roleOf(request),
    service_name: entity.service,
    service_instance_name: entity.instance,
    process_name: entity.processName,
  };
  return create(SpanAttachedEventSchema, {
    startTime: toInstant(message.startNs),
    event: message.type === "request" ? "HTTP Request Sampling" : "HTTP Response Sampling",
    endTime: toInstant(message.endNs),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    traceContext: {
      type: isSkyWalking(request) ? SpanReferenceType.SKYWALKING : SpanReferenceType.ZIPKIN,
      ...{ traceId, traceSegmentId, spanId },
    },
  });
}

/** An OAP keeps traces of Zipkin and of OpenTelemetry in one place. */
function isSkyWalking({ sample }: SampledRequest): boolean {
  return sample.traceHeader === TraceHeader.SW8;
}

function roleOf({ isServer }: SampledRequest): "client" | "server" {
  return isServer ? "server" : "client";
}

function describePeer(peer: NetworkPeer): { process_id: string; local: boolean; address: string } {
  const nobody = { process_id: "", local: false, address: "" };
  if (peer === "local") return { ...nobody, local: true };
  return "processId" in peer
    ? { ...nobody, process_id: peer.processId }
    : { ...nobody, address: peer.address };
}

function toInstant(unixNs: bigint): { seconds: bigint; nanos: number } {
  return { seconds: unixNs / 1_000_000_000n, nanos: Number(unixNs % 1_000_000_000n) };
}

/** `312B`, `1.5KiB`, four digits at most, as SkyWalking's agent has it. */
function formatSize(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB"]) {
    if (value < 1024) return `${Number(value.toPrecision(4))}${unit}`;
    value /= 1024;
  }
  return `${Number(value.toPrecision(4))}GiB`;
}
