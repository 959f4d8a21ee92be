import type { NetworkTraffic } from "../../gen/stakeout/v1/network_pb.ts";
import { addTraffic, latencyNs, meanRttNs, noTraffic, type TrafficSum } from "./traffic_sum.ts";

/** Some edges' traffic over time, as uPlot takes it: null where there was nothing to measure. */
export interface TrafficColumns {
  /** Unix seconds at which each step begins. */
  readonly times: readonly number[];
  readonly steps: readonly TrafficSum[];
  readonly stepSeconds: number;
}

/** Sums rows of all edges by their step; a step without rows is one in which nothing passed. */
export function toColumns(
  rows: readonly NetworkTraffic[],
  { startUnixMs, fromSecond, seconds, stepSeconds }: {
    /** Of the range. */
    startUnixMs: number;
    fromSecond: number;
    seconds: number;
    stepSeconds: number;
  },
): TrafficColumns {
  const count = Math.ceil(seconds / stepSeconds);
  const steps = Array.from({ length: count }, noTraffic);
  for (const row of rows) {
    const step = steps[Math.floor((row.second - fromSecond) / stepSeconds)];
    if (step !== undefined) addTraffic(step, row);
  }
  const times = steps.map((_, index) => startUnixMs / 1000 + index * stepSeconds);
  return { times, steps, stepSeconds };
}

/** A line of a chart. */
export interface ChartLine {
  readonly title: string;
  readonly color: "series" | "bad" | "muted";
  /** One a step. */
  readonly values: readonly (number | null)[];
}

/** A chart of a few lines of one unit. */
export interface ChartData {
  readonly title: string;
  readonly unit: "rate" | "time" | "bytes" | "count";
  readonly lines: readonly ChartLine[];
}

/** The charts of some traffic; one whose every step is empty is left out. */
export function listCharts({ steps, stepSeconds }: TrafficColumns): ChartData[] {
  const each = (value: (step: TrafficSum) => number | undefined) => steps.map((step) => value(step) ?? null);
  const aSecond = (value: (step: TrafficSum) => number) => each((step) => value(step) / stepSeconds);
  const charts: ChartData[] = [
    {
      title: "Requests a second",
      unit: "rate",
      lines: [
        { title: "all", color: "series", values: aSecond(({ http, dns }) => http.requests + dns.requests) },
        {
          title: "errors",
          color: "bad",
          values: aSecond(({ http, dns, dnsTimeouts }) =>
            http.errors4xx + http.errors5xx + dns.errors4xx + dns.errors5xx + dnsTimeouts
          ),
        },
      ],
    },
    {
      title: "Latency",
      unit: "time",
      lines: [
        { title: "p95", color: "series", values: each((step) => latencyOf(step, 0.95)) },
        { title: "p50", color: "muted", values: each((step) => latencyOf(step, 0.5)) },
      ],
    },
    {
      title: "Bytes a second",
      unit: "bytes",
      lines: [
        { title: "received", color: "series", values: aSecond(({ receivedBytes }) => receivedBytes) },
        { title: "sent", color: "muted", values: aSecond(({ sentBytes }) => sentBytes) },
      ],
    },
    {
      title: "Round trip time",
      unit: "time",
      lines: [{ title: "mean", color: "series", values: each(meanRttNs) }],
    },
    {
      title: "Retransmits and resets",
      unit: "count",
      lines: [
        { title: "retransmits", color: "series", values: each(({ retransmits }) => retransmits) },
        {
          title: "resets",
          color: "bad",
          values: each(({ resetsSent, resetsReceived }) => resetsSent + resetsReceived),
        },
      ],
    },
    {
      title: "Connections",
      unit: "count",
      lines: [
        { title: "open", color: "series", values: each(({ open }) => open) },
        { title: "new", color: "muted", values: each(({ opened }) => opened) },
        { title: "failed", color: "bad", values: each(({ connectsFailed }) => connectsFailed) },
      ],
    },
  ];
  const alwaysShown = new Set(["Retransmits and resets"]);
  const isTcp = steps.some(({ rttSamples }) => rttSamples > 0);
  return charts.filter(({ title, lines }) =>
    (alwaysShown.has(title) && isTcp) || lines.some(({ values }) => values.some((value) => (value ?? 0) > 0))
  );
}

function latencyOf({ http, dns }: TrafficSum, share: number): number | undefined {
  return latencyNs(http.requests > 0 ? http : dns, share);
}
