import type { HttpConnections, HttpPath, ProcessHttp } from "../../gen/stakeout/v1/agent_service_pb.ts";
import { formatCount, formatPercent, formatValue, showInvisible } from "../format.ts";

/** Why connections of a process can't be read: in words, with how many, most first. */
export interface UnreadConnections {
  /** `37 % of this process's connections (41 of 110) can't be read`. */
  readonly summary: string;
  readonly reasons: readonly string[];
}

/**
 * What can't be read of a process's connections; undefined when all can.
 *
 * @param tlsReason Why its encrypted ones are not, as the agent says; `""` when it says nothing.
 */
export function describeUnread(
  connections: HttpConnections | undefined,
  tlsReason: string,
): UnreadConnections | undefined {
  if (connections === undefined) return undefined;
  const { http, http2, tls, ioUring, otherCall, unknown } = connections;
  const reasons = ([
    [tls, `are encrypted${tlsReason === "" ? "" : `: ${showInvisible(tlsReason)}`}`],
    [http2, "speak HTTP/2, of which only HTTP/1 is read so far"],
    [ioUring, "go through io_uring, where the kernel does not tell where the bytes are"],
    [otherCall, "use 32-bit system calls, sendmmsg or recvmmsg, which are not read"],
    [unknown, "carry something else than HTTP, such as a database's own protocol"],
  ] as const).filter(([count]) => count > 0n).toSorted(([one], [two]) => Number(two - one));
  if (reasons.length === 0) return undefined;
  const unread = reasons.reduce((sum, [count]) => sum + count, 0n);
  const share = formatPercent(Number(unread) / Number(unread + http) * 100);
  return {
    summary: `${share} of this process's connections (${formatCount(unread)} of ${
      formatCount(unread + http)
    }) can't be read`,
    reasons: reasons.map(([count, why]) => `${formatCount(count)} ${why}`),
  };
}

/** What there is to say of a process's requests in flight beside their number. */
export function describeInFlight({ inFlight, inFlightUnread, oldestInFlightMs }: ProcessHttp): string {
  if (inFlightUnread) return "they are read of 256 processes a host, those that a rule judges first";
  if (inFlight === 0) return "nothing waits for an answer";
  return `oldest for ${formatValue("http_avg_response_time", oldestInFlightMs)}`;
}

/** What the counts of requests and paths leave out, a sentence each. */
export function describeOmissions(http: ProcessHttp): string[] {
  const { requests, sampled, lostSamples, pipelined, unreadable } = http;
  return [
    ...sampled < requests
      ? [
        `Paths are estimated from ${formatCount(sampled)} of ${
          formatCount(requests)
        } requests; rates, errors and times above count all.`,
      ]
      : [],
    ...lostSamples > 0n
      ? [`${formatCount(lostSamples)} samples found no room on their way from the kernel and are in no path.`]
      : [],
    ...pipelined > 0n
      ? [`${formatCount(pipelined)} pipelined requests are counted, but have no path of their own.`]
      : [],
    ...unreadable > 0n ? [`${formatCount(unreadable)} messages could not be read and are not counted.`] : [],
  ];
}

/** Requests a second: `29.4 /s`, `< 0.01 /s`. */
export function formatRate(requests: bigint | number, seconds: number): string {
  const rate = Number(requests) / Math.max(1, seconds);
  if (rate > 0 && rate < 0.01) return "< 0.01 /s";
  const digits = rate >= 100 ? 0 : rate >= 10 ? 1 : 2;
  return `${Number(rate.toFixed(digits)).toLocaleString("en")} /s`;
}

/** Share of responses with status 4xx or 5xx, in percent; undefined without a response. */
export function errorPercent(
  { requests, errors4xx, errors5xx }: Pick<HttpPath, "requests" | "errors4xx" | "errors5xx">,
): number | undefined {
  return requests === 0n ? undefined : Number(errors4xx + errors5xx) / Number(requests) * 100;
}

/** `3 are 4xx, 7 are 5xx`; `""` without errors. */
export function errorWords({ errors4xx, errors5xx }: Pick<HttpPath, "errors4xx" | "errors5xx">): string {
  return [[errors4xx, "4xx"] as const, [errors5xx, "5xx"] as const].filter(([count]) => count > 0n)
    .map(([count, status]) => `${formatCount(count)} × ${status}`).join(", ");
}
