import { create } from "@bufbuild/protobuf";
import { findTraceId, type TraceHeader, type TraceId } from "../../../lib/http1/trace_id.ts";
import {
  type NetworkSample,
  NetworkSampleSchema,
  SampleReason,
  TraceHeader as WireTraceHeader,
} from "../../gen/stakeout/v1/network_pb.ts";
import { decodeNetworkSampleEndEvent, decodeNetworkSampleEvent, layouts } from "../../gen/records.ts";

const { offsets } = layouts.network_sample_event;
/** A response that has not ended by then is told as it is. */
const waitNs = 5e9;
const decoder = new TextDecoder();

const reasons = [
  SampleReason.UNSPECIFIED,
  SampleReason.NORMAL,
  SampleReason.SLOW,
  SampleReason.FAILED,
] as const;
const headers: Readonly<Record<TraceHeader, WireTraceHeader>> = {
  traceparent: WireTraceHeader.TRACEPARENT,
  sw8: WireTraceHeader.SW8,
  b3: WireTraceHeader.B3,
};

interface Waiting {
  readonly sample: NetworkSample;
  readonly kernelEdge: number;
  readonly sinceBootNs: number;
}

/**
 * Makes samples of requests out of what the kernel says at the first and at the last byte of their responses. Of a request's
 * head, which may hold secrets, its trace id and span are read here and nothing else; the head itself is not kept.
 */
export class NetworkSamples {
  readonly #waiting = new Map<bigint, Waiting>();
  readonly #edgeOf: (edge: number) => number;
  readonly #pathOf: (counters: number) => string;
  readonly #unixUs: (atBootNs: number) => bigint;
  #ready: Waiting[] = [];

  /**
   * @param options.edgeOf Number on the wire of an edge of the kernel.
   * @param options.pathOf Text of the path that has these counters; `""` when it is not known.
   */
  constructor(options: {
    edgeOf: (edge: number) => number;
    pathOf: (counters: number) => string;
    unixUs: (atBootNs: number) => bigint;
  }) {
    this.#edgeOf = options.edgeOf;
    this.#pathOf = options.pathOf;
    this.#unixUs = options.unixUs;
  }

  /** Takes a struct network_sample_event. */
  begin(view: DataView<ArrayBuffer>, at: number): void {
    const event = decodeNetworkSampleEvent(view, at);
    const headBytes = Math.min(event.headBytes, layouts.network_sample_event.size - offsets.head);
    const trace = findTraceId(new Uint8Array(view.buffer, view.byteOffset + at + offsets.head, headBytes));
    const method = new Uint8Array(view.buffer, view.byteOffset + at + offsets.method, 8);
    const sample = create(NetworkSampleSchema, {
      reason: reasons[event.reason] ?? SampleReason.UNSPECIFIED,
      startedUnixUs: this.#unixUs(event.startedBootNs),
      method: decoder.decode(method).replaceAll(/[^A-Z]/g, ""),
      path: this.#pathOf(event.path),
      status: event.status,
      requestBytes: event.requestBytes,
      requestNs: BigInt(Math.max(0, event.requestNs)),
      waitNs: BigInt(Math.max(0, event.waitNs)),
      tid: event.tid,
      threadName: event.thread,
      ...(trace === undefined ? {} : toFields(trace)),
    });
    const sinceBootNs = event.startedBootNs + event.requestNs + event.waitNs;
    this.#waiting.set(event.sample, { sample, kernelEdge: event.edge, sinceBootNs });
  }

  /** Takes a struct network_sample_end_event. */
  end(view: DataView<ArrayBuffer>, at: number): void {
    const event = decodeNetworkSampleEndEvent(view, at);
    const waiting = this.#waiting.get(event.sample);
    if (waiting === undefined) return;
    this.#waiting.delete(event.sample);
    waiting.sample.responseNs = BigInt(Math.max(0, event.responseNs));
    waiting.sample.responseBytes = event.responseBytes;
    waiting.sample.complete = true;
    this.#ready.push(waiting);
  }

  /**
   * Returns those that are over, and those whose responses take longer than is waited for, once their edge has a number; at the
   * `last` call all of them.
   */
  take(atBootNs: number, last: boolean): NetworkSample[] {
    for (const [number, waiting] of this.#waiting) {
      if (!last && atBootNs - waiting.sinceBootNs < waitNs) continue;
      this.#waiting.delete(number);
      this.#ready.push(waiting);
    }
    const ready = this.#ready;
    this.#ready = [];
    return ready.flatMap((waiting) => {
      const { sample, kernelEdge } = waiting;
      sample.edge = this.#edgeOf(kernelEdge);
      if (sample.edge !== 0) return [sample];
      if (!last) this.#ready.push(waiting);
      return [];
    });
  }
}

function toFields({ header, id: traceId, spanId, segmentId = "" }: TraceId) {
  return { traceId, traceHeader: headers[header], spanId, traceSegmentId: segmentId };
}
