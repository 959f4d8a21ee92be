import { formatBytes, formatCount, formatPercent, formatWeight } from "../format.ts";
import { formatRate } from "../processes/http_words.ts";
import { countErrors, latencyNs, meanRttNs, type TrafficSum } from "./traffic_sum.ts";

/** What the lines of the map tell by their width and words. */
export const measures = [
  ["rate", "Rate"],
  ["errors", "Errors"],
  ["latency", "Latency"],
  ["rtt", "RTT"],
  ["retransmits", "Retransmits"],
  ["throughput", "Throughput"],
] as const;
export type Measure = typeof measures[number][0];

/** What the switch's choice means, in a sentence. */
export const measureHints: Readonly<Record<Measure, string>> = {
  rate: "HTTP requests and DNS questions a second.",
  errors: "Answers with 4xx or 5xx, failed connects, questions without an answer.",
  latency: "95 % were answered sooner: from the first byte of a request to the first of its answer.",
  rtt: "Mean round trip of TCP, as the kernel smooths it.",
  retransmits: "TCP segments that were sent again.",
  throughput: "Bytes both ways, without headers of any protocol below.",
};

/** One value of a line: its size for comparing, its words, and whether it is bad news. */
export interface Figure {
  readonly size: number;
  readonly text: string;
  readonly isBad: boolean;
}

/** What some traffic of so many seconds is by one measure; undefined where it has none. */
export function measureTraffic(sum: TrafficSum, measure: Measure, seconds: number): Figure | undefined {
  const requests = sum.http.requests + sum.dns.requests;
  switch (measure) {
    case "rate":
      return requests === 0 ? undefined : good(requests / seconds, formatRate(requests, seconds));
    case "errors":
      return measureErrors(sum, requests);
    case "latency": {
      const p95 = latencyNs(sum.http.requests > 0 ? sum.http : sum.dns, 0.95);
      return p95 === undefined ? undefined : good(p95, `p95 ${formatTime(p95)}`);
    }
    case "rtt": {
      const rtt = meanRttNs(sum);
      return rtt === undefined ? undefined : good(rtt, formatTime(rtt));
    }
    case "retransmits": {
      if (sum.rttSamples === 0 && sum.retransmits === 0) return undefined;
      const { retransmits } = sum;
      return { size: retransmits, text: formatCount(retransmits), isBad: retransmits > 0 };
    }
    case "throughput": {
      const bytes = (sum.receivedBytes + sum.sentBytes) / seconds;
      return bytes === 0 ? undefined : good(bytes, `${formatBytes(bytes)}/s`);
    }
  }
}

function measureErrors(sum: TrafficSum, requests: number): Figure | undefined {
  const errors = countErrors(sum);
  const { connectsFailed, dnsTimeouts } = sum;
  if (requests === 0 && sum.connects === 0 && errors === 0) return undefined;
  const asked = requests + sum.connects + dnsTimeouts;
  const answered = errors - connectsFailed - dnsTimeouts;
  const parts = [
    ...requests > 0 ? [formatPercent(answered / requests * 100)] : [],
    ...connectsFailed > 0 ? [`${formatCount(connectsFailed)} failed connects`] : [],
    ...dnsTimeouts > 0 ? [`${formatCount(dnsTimeouts)} timeouts`] : [],
  ];
  return { size: errors / Math.max(1, asked), text: parts.join(", ") || "0", isBad: errors > 0 };
}

function good(size: number, text: string): Figure {
  return { size, text, isBad: false };
}

/** `0.31 ms`, `12 ms`, `1.5 s`: as many digits as matter. */
export function formatTime(ns: number): string {
  if (ns >= 1e6 && ns < 1e9) return `${Number((ns / 1e6).toPrecision(3))} ms`;
  if (ns >= 1e5 && ns < 1e6) return `${Number((ns / 1e6).toFixed(2))} ms`;
  return formatWeight(ns, "nanoseconds");
}

/** All there is to say of some traffic in a line: `118 /s, 0.8 % errors, p95 12 ms, 1.2 MiB/s`. */
export function summarizeTraffic(sum: TrafficSum, seconds: number): string {
  const errors = measureTraffic(sum, "errors", seconds);
  return [
    measureTraffic(sum, "rate", seconds)?.text,
    errors?.isBad === true ? (/%$/.test(errors.text) ? `${errors.text} errors` : errors.text) : undefined,
    measureTraffic(sum, "latency", seconds)?.text,
    measureTraffic(sum, "throughput", seconds)?.text,
  ].filter((text) => text !== undefined).join(", ");
}
