import type { Label, MeterBucketValue, MeterData } from "../../gen/skywalking/v3/meter_pb.ts";

/** Whose traffic a meter is of, as its labels tell. */
export interface MeterEnds {
  readonly processId: string;
  readonly isServer: boolean;
  /** Process of the same instance at the other end; `""` when it is none. */
  readonly peerId: string;
  /** The other end as it was sent, mostly with a port; `""` where it is on the same host. */
  readonly peerAddress: string;
  readonly isUdp: boolean;
  readonly isTls: boolean;
}

/** Counts and sums since the agent's last flush, and means. */
export type MeterField = typeof fields[keyof typeof fields] | HttpField;
type HttpField = "requests" | "otherAnswers" | "errors4xx" | "errors5xx" | "durationMeanMs";

/** One meter of network profiling. */
export interface NetworkMeter {
  readonly ends: MeterEnds;
  /** Its name and status code: what else of the same ends is of it is of another connection. */
  readonly name: string;
  readonly field: MeterField | "durations";
  /** 0 of durations. */
  readonly value: number;
  /** Of durations: requests by the middle of their bucket. */
  readonly durations: readonly { readonly middleMs: number; readonly count: number }[];
}

/** Names of meters between `rover_net_p_` with a side, and `_counter`. */
const fields = {
  write_counts: "sentMessages",
  read_counts: "receivedMessages",
  write_bytes: "sentBytes",
  read_bytes: "receivedBytes",
  write_rtt_counts: "rttSamples",
  write_rtt_exe_time: "rttMeanUs",
  connect_counts: "connects",
  connect_exe_time: "connectMeanNs",
  close_counts: "closed",
  retransmit_counts: "retransmits",
} as const;

const prefix = "rover_net_p_";
const mostLabels = 16;
const longestId = 128;
const longestAddress = 64;
const longestCode = 16;
/** SkyWalking's have 45. */
const mostBuckets = 64;
/** Sums of thousands of them still are numbers of 64 bits: 281 TB, 78 hours of nanoseconds. */
const largest = 2 ** 48;
const noDurations: NetworkMeter["durations"] = [];

/** Whether a meter is of network profiling. */
export function isNetworkMeter({ metric }: MeterData): boolean {
  return metric.value?.name.startsWith(prefix) ?? false;
}

/**
 * Reads a meter of network profiling.
 *
 * Source: `rover_net_p_…` of SkyWalking's agent: counts, bytes, means in ns (round trips µs), HTTP/1 in ms.
 * Limits: 16 labels, ids of 128 and addresses of 64 characters, 64 buckets, values below 2^48.
 * Loss: undefined for what has no place here (drops, times of system calls, sizes of messages, whose sum the bytes are, and
 * how long the other end says that a request took); "invalid" for what makes no sense, for the caller to count.
 */
export function readNetworkMeter({ metric }: MeterData): NetworkMeter | "invalid" | undefined {
  if (metric.case === undefined) return undefined;
  const { labels } = metric.value;
  const ends = readEnds(labels);
  const rest = metric.value.name.slice(prefix.length);
  const code = labels.find(({ name }) => name === "code")?.value.slice(0, longestCode) ?? "";
  const field = readField(rest, ends?.isServer === true ? "server" : "client", code);
  if (field === undefined) return undefined;
  if (ends === undefined) return "invalid";
  const about = { ends, name: `${rest} ${code}`, field };
  if (metric.case === "histogram") {
    const durations = field === "durations" ? readDurations(metric.value.values) : undefined;
    return durations === undefined ? "invalid" : { ...about, value: 0, durations };
  }
  const { value } = metric.value;
  if (field === "durations" || !(value >= 0 && value < largest)) return "invalid";
  return { ...about, value, durations: noDurations };
}

function readEnds(labels: readonly Label[]): MeterEnds | undefined {
  if (labels.length > mostLabels) return undefined;
  const texts = new Map(labels.map(({ name, value }) => [name, value]));
  const isServer = texts.get("side") === "server";
  const [own, other] = isServer ? ["server", "client"] : ["client", "server"];
  const processId = texts.get(`${own}_process_id`) ?? "";
  const peerId = texts.get(`${other}_process_id`) ?? "";
  const peerAddress = peerId === "" ? texts.get(`${other}_address`) ?? "" : "";
  if (processId === "" || peerId.length > longestId || peerAddress.length > longestAddress) return undefined;
  return {
    ...{ processId, isServer, peerId, peerAddress },
    isUdp: texts.get("protocol") === "udp",
    isTls: texts.get("is_ssl") === "true",
  };
}

/** @param side Of the process itself. */
function readField(rest: string, side: string, code: string): NetworkMeter["field"] | undefined {
  switch (rest) {
    case "http1_request_counter":
      return "requests";
    case "http1_response_status_counter":
      return readStatus(code);
    case `http1_${side}_duration_avg`:
      return "durationMeanMs";
    case `http1_${side}_duration_histogram`:
      return "durations";
  }
  const [, name = ""] = /^(?:client|server)_(\w+)_counter$/.exec(rest) ?? [];
  return Object.hasOwn(fields, name) ? fields[name as keyof typeof fields] : undefined;
}

/** `404`; Stakeout's agent, which keeps no single codes, says `4xx`. */
function readStatus(code: string): HttpField {
  return code.startsWith("4") ? "errors4xx" : /^[5-9]/.test(code) ? "errors5xx" : "otherAnswers";
}

/** Buckets have their lower bounds; those below the second are all in the first, and the last one has no end. */
function readDurations(values: readonly MeterBucketValue[]): NetworkMeter["durations"] | undefined {
  if (values.length > mostBuckets) return undefined;
  const starts = values.map(({ bucket, isNegativeInfinity }) => isNegativeInfinity ? 0 : bucket);
  const counts = values.map(({ count }) => Number(count));
  const isValid = starts.every((start, index) => start >= 0 && start < (starts[index + 1] ?? largest)) &&
    counts.every((count) => count >= 0 && count < largest);
  if (!isValid) return undefined;
  return counts.flatMap((count, index) => {
    const start = index === 0 ? 0 : starts[index]!;
    return count === 0 ? [] : [{ middleMs: (start + (starts[index + 1] ?? start)) / 2, count }];
  });
}
