import { create } from "@bufbuild/protobuf";
import {
  type NetworkRequests,
  NetworkRequestsSchema,
  type NetworkTraffic,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";

/**
 * Spreads what an edge moved in some seconds evenly over them; a second on which nothing falls is left out.
 * Units: sums of times go with what they are of, so that means stay what they are; extremes stay, too.
 */
export function spreadTraffic(row: NetworkTraffic, seconds: readonly number[]): NetworkTraffic[] {
  return seconds.flatMap((second, index) => {
    const slice = new Slice(index, seconds.length);
    const [connects, rttSamples] = [slice.count(row.connects), slice.count(row.rttSamples)];
    const http = row.http && spreadRequests(row.http, slice);
    const part = create(NetworkTrafficSchema, {
      ...{ edge: row.edge, second, connects, rttSamples },
      ...{ receivedBytes: slice.of(row.receivedBytes), sentBytes: slice.of(row.sentBytes) },
      ...{ receivedMessages: slice.of(row.receivedMessages), sentMessages: slice.of(row.sentMessages) },
      ...{ opened: slice.count(row.opened), closedByLocal: slice.count(row.closedByLocal) },
      retransmits: slice.count(row.retransmits),
      connectSumNs: slice.sum(row.connectSumNs, [BigInt(row.connects)]),
      rttSumUs: slice.sum(row.rttSumUs, [BigInt(row.rttSamples)]),
      ...connects > 0 && { connectMaxNs: row.connectMaxNs },
      ...rttSamples > 0 && { rttMinUs: row.rttMinUs, rttMaxUs: row.rttMaxUs },
      ...http && { http },
    });
    return isEmpty(part) ? [] : [part];
  });
}

/** One of several equal parts of a time; the parts of a number are whole and add up to it. */
class Slice {
  readonly #index: bigint;
  readonly #parts: bigint;

  constructor(index: number, parts: number) {
    this.#index = BigInt(index);
    this.#parts = BigInt(parts);
  }

  of(whole: bigint): bigint {
    return this.#upTo(whole, 1n) - this.#upTo(whole, 0n);
  }

  count(whole: number): number {
    return Number(this.of(BigInt(whole)));
  }

  /** The part of a sum of so many, counted apart: as much of it as of them. */
  sum(whole: bigint, counts: readonly bigint[]): bigint {
    const all = counts.reduce((sum, count) => sum + count, 0n);
    if (all === 0n) return 0n;
    const [from = 0n, to = 0n] = [0n, 1n].map((more) =>
      counts.reduce((sum, count) => sum + this.#upTo(count, more), 0n)
    );
    return whole * to / all - whole * from / all;
  }

  #upTo(whole: bigint, more: bigint): bigint {
    return whole * (this.#index + more) / this.#parts;
  }
}

/** Errors are never more than requests. */
function spreadRequests(row: NetworkRequests, slice: Slice): NetworkRequests | undefined {
  const wholes = [row.requests - row.errors4xx - row.errors5xx, row.errors4xx, row.errors5xx];
  const [others = 0n, errors4xx = 0n, errors5xx = 0n] = wholes.map((whole) => slice.of(whole));
  const requests = others + errors4xx + errors5xx;
  const counts = row.bucketCounts.map((count) => slice.of(count));
  if (requests === 0n && counts.every((count) => count === 0n)) return undefined;
  return create(NetworkRequestsSchema, {
    ...{ requests, errors4xx, errors5xx, sumNs: slice.sum(row.sumNs, wholes), maxNs: row.maxNs },
    bucketNumbers: row.bucketNumbers.filter((_, index) => counts[index] !== 0n),
    bucketCounts: counts.filter((count) => count !== 0n),
  });
}

function isEmpty(
  { receivedBytes, sentBytes, receivedMessages, sentMessages, ...row }: NetworkTraffic,
): boolean {
  const { opened, closedByLocal, connects, retransmits, rttSamples, http } = row;
  return receivedBytes + sentBytes + receivedMessages + sentMessages === 0n &&
    opened + closedByLocal + connects + retransmits + rttSamples === 0 && http === undefined;
}
