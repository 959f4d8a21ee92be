/** Whose header a trace id came in. */
export type TraceHeader = "traceparent" | "sw8" | "b3";

/** A trace id as a request carries it. */
export interface TraceId {
  readonly header: TraceHeader;
  /** Lower case hexadecimal; of sw8 whatever SkyWalking's agents make: letters, digits, dots and hyphens. */
  readonly id: string;
}

const latin1 = new TextDecoder("latin1");
const maxSw8Length = 256;
const hexadecimal = /^(?!0+$)(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const traceparent = /^[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/**
 * Finds the trace id in the head of a request of HTTP/1, or in what is there of it: a header that is cut short tells nothing.
 * The bytes are attacker's input; only a well-formed id is ever returned. Of several headers the first known one counts.
 */
export function findTraceId(head: Uint8Array): TraceId | undefined {
  const lines = latin1.decode(head).split("\r\n");
  // The first is the request line, the last has no end.
  for (const line of lines.slice(1, -1)) {
    if (line === "") return undefined;
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const found = readHeader(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    if (found !== undefined) return found;
  }
  return undefined;
}

function readHeader(name: string, value: string): TraceId | undefined {
  switch (name) {
    case "traceparent": {
      const id = traceparent.exec(value)?.[1];
      return id === undefined ? undefined : { header: "traceparent", id };
    }
    case "sw8": {
      const id = decodeBase64(value.split("-")[1] ?? "");
      return id === undefined ? undefined : { header: "sw8", id };
    }
    case "b3": {
      const id = (value.split("-")[0] ?? "").toLowerCase();
      return hexadecimal.test(id) ? { header: "b3", id } : undefined;
    }
    case "x-b3-traceid": {
      const id = value.toLowerCase();
      return hexadecimal.test(id) ? { header: "b3", id } : undefined;
    }
  }
  return undefined;
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
