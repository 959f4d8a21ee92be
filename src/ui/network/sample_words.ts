import { type NetworkSample, SampleReason, TraceHeader } from "../../gen/stakeout/v1/network_pb.ts";
import { formatTime } from "./measures.ts";

/** The three parts of a request's time in words, of a server and of a client. */
export const partTitles: Readonly<Record<"server" | "client", readonly [string, string, string]>> = {
  server: ["reading", "working", "writing"],
  client: ["sending", "waiting", "receiving"],
};

/** Why a sample was taken. */
export function reasonWords(reason: SampleReason): { text: string; tone: "bad" | "trip" | "" } {
  switch (reason) {
    case SampleReason.SLOW:
      return { text: "slow", tone: "trip" };
    case SampleReason.FAILED:
      return { text: "failed", tone: "bad" };
    default:
      return { text: "normal", tone: "" };
  }
}

/** Its parts in nanoseconds. */
export function partsNs({ requestNs, waitNs, responseNs }: NetworkSample): [number, number, number] {
  return [Number(requestNs), Number(waitNs), Number(responseNs)];
}

/** Nanoseconds from the first byte of a request to the last of its answer, as far as it was seen. */
export function totalNs(sample: NetworkSample): number {
  return partsNs(sample).reduce((sum, part) => sum + part, 0);
}

/** How long a request took; SkyWalking's agents tell whole milliseconds. */
export function totalWords(sample: NetworkSample): string {
  const total = totalNs(sample);
  return total === 0 ? "< 1 ms" : formatTime(total);
}

/** `reading 0.1 ms, working 12 ms, writing 0.3 ms`; `12 ms in all` where the parts are not told. */
export function describeParts(sample: NetworkSample, isServer: boolean): string {
  // SkyWalking's agents tell neither method nor parts.
  if (sample.method === "" && sample.requestNs + sample.responseNs === 0n && sample.complete) {
    return `${totalWords(sample)} in all`;
  }
  const titles = partTitles[isServer ? "server" : "client"];
  const parts = partsNs(sample).map((part, index) => `${titles[index]} ${formatTime(part)}`);
  return `${parts.join(", ")}${sample.complete ? "" : "; its end was not seen"}`;
}

/** Name of the header that a trace id came in. */
export function traceHeaderName(header: TraceHeader): string {
  switch (header) {
    case TraceHeader.TRACEPARENT:
      return "traceparent";
    case TraceHeader.SW8:
      return "sw8";
    case TraceHeader.B3:
      return "b3";
    default:
      return "";
  }
}
