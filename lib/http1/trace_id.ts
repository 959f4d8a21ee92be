/** Whose header a trace id came in. */
export type TraceHeader = "traceparent" | "sw8" | "b3";

/** A trace id as a request carries it, and the span that sent the request. */
export interface TraceId {
  readonly header: TraceHeader;
  /** Lower case hexadecimal; of sw8 whatever SkyWalking's agents make: letters, digits, dots and hyphens, at most 192. */
  readonly id: string;
  /** Lower case hexadecimal, 16 digits; of sw8 a decimal number. `""` when X-B3-SpanId is not there or cut off. */
  readonly spanId: string;
  /** Of sw8 alone, made like the id: the span's number is one of this segment. */
  readonly segmentId?: string;
}

const latin1 = new TextDecoder("latin1");
const maxSw8Length = 256;
const hexadecimal = /^(?!0+$)(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const hexadecimalSpan = /^(?!0+$)[0-9a-f]{16}$/;
const traceparent = /^[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/;
/** Up to the largest number of 32 bits, roughly; agents count the spans of a segment from 0. */
const sw8Span = /^(?:0|[1-9][0-9]{0,8})$/;
const sw8Parts = 8;

/**
 * Finds the trace id in the head of a request of HTTP/1, or in what is there of it: a header that is cut short tells nothing.
 * The bytes are attacker's input; only a well-formed id is ever returned. Of several headers the first known one counts.
 */
export function findTraceId(head: Uint8Array): TraceId | undefined {
  const lines = latin1.decode(head).split("\r\n");
  let found: TraceId | undefined;
  let b3SpanId = "";
  // The first is the request line, the last has no end.
  for (const line of lines.slice(1, -1)) {
    if (line === "") break;
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "x-b3-spanid") b3SpanId ||= readB3Span(value);
    found ??= readHeader(name, value);
    // Zipkin's other way of b3 has a header for each, in any order.
    if (found !== undefined && (found.header !== "b3" || found.spanId !== "" || b3SpanId !== "")) break;
  }
  return found?.header === "b3" && found.spanId === "" ? { ...found, spanId: b3SpanId } : found;
}

function readHeader(name: string, value: string): TraceId | undefined {
  switch (name) {
    case "traceparent": {
      const [, id, spanId] = traceparent.exec(value) ?? [];
      return id === undefined || spanId === undefined ? undefined : { header: "traceparent", id, spanId };
    }
    case "sw8":
      return readSw8(value);
    case "b3": {
      const [id = "", span = ""] = value.toLowerCase().split("-", 3);
      const spanId = readB3Span(span);
      return hexadecimal.test(id) && spanId !== "" ? { header: "b3", id, spanId } : undefined;
    }
    case "x-b3-traceid": {
      const id = value.toLowerCase();
      return hexadecimal.test(id) ? { header: "b3", id, spanId: "" } : undefined;
    }
  }
  return undefined;
}

function readB3Span(text: string): string {
  const spanId = text.toLowerCase();
  return hexadecimalSpan.test(spanId) ? spanId : "";
}

function readSw8(value: string): TraceId | undefined {
  const parts = value.split("-", sw8Parts + 1);
  const [sampled, trace = "", segment = "", spanId = ""] = parts;
  if (parts.length !== sw8Parts || (sampled !== "0" && sampled !== "1") || !sw8Span.test(spanId)) {
    return undefined;
  }
  const id = decodeBase64(trace);
  const segmentId = decodeBase64(segment);
  return id === undefined || segmentId === undefined ? undefined : { header: "sw8", id, spanId, segmentId };
}

function decodeBase64(text: string): string | undefined {
  if (text.length > maxSw8Length) return undefined;
  try {
    const id = atob(text);
    return /^[0-9A-Za-z.-]+$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
