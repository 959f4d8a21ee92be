import { create } from "@bufbuild/protobuf";
import { type NetworkTraffic, NetworkTrafficSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { latencyBucket } from "../../model/latency_buckets.ts";
import type { MeterField, NetworkMeter } from "./network_meter.ts";

/** SkyWalking's agent has 14, and one for each status. */
const mostNames = 128;
const largestCount = 0xffff_ffff;

/**
 * Sums the meters that SkyWalking's agent tells of two ends at one time.
 * Shape: means come apart from their counts, in any order, and go with them: a meter of the same name is of other connections
 * between ends that have the same labels, for which there is another sum.
 */
export class NetworkSum {
  readonly #names = new Set<string>();
  readonly #values = new Map<MeterField, number>();
  readonly #buckets = new Map<number, number>();
  #longestMs = 0;

  /** Adds a meter; false when it has one of the same name, or 128 others. */
  add({ name, field, value, durations }: NetworkMeter): boolean {
    if (this.#names.has(name) || this.#names.size >= mostNames) return false;
    this.#names.add(name);
    // Of answers there are several codes to a field.
    if (field !== "durations") this.#values.set(field, this.#get(field) + value);
    for (const { middleMs, count } of durations) {
      const bucket = latencyBucket(middleMs * 1e6);
      this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count);
      this.#longestMs = Math.max(this.#longestMs, middleMs);
    }
    return true;
  }

  /**
   * The traffic of an edge.
   *
   * Who closed a connection is not told: what is counted is the process's own call, so it is `closedByLocal`. Of connections
   * only those that a client opens are told. Extremes are of means, as there is nothing else.
   */
  toTraffic(edge: number, isServer: boolean): NetworkTraffic {
    const count = (field: MeterField) => Math.min(Math.round(this.#get(field)), largestCount);
    const long = (field: MeterField) => toBigInt(this.#get(field));
    const connects = count("connects");
    const connectMeanNs = this.#get("connectMeanNs");
    const rttSamples = count("rttSamples");
    const rttMeanUs = rttSamples === 0 ? 0 : count("rttMeanUs");
    const http = this.#toRequests();
    return create(NetworkTrafficSchema, {
      ...{ edge, connects, rttSamples, opened: isServer ? 0 : connects },
      ...{ receivedBytes: long("receivedBytes"), sentBytes: long("sentBytes") },
      ...{ receivedMessages: long("receivedMessages"), sentMessages: long("sentMessages") },
      ...{ closedByLocal: count("closed"), retransmits: count("retransmits") },
      connectSumNs: toSum(connects, connectMeanNs),
      connectMaxNs: connects === 0 ? 0n : toBigInt(connectMeanNs),
      rttSumUs: toSum(rttSamples, this.#get("rttMeanUs")),
      ...{ rttMinUs: rttMeanUs, rttMaxUs: rttMeanUs },
      ...(http === undefined ? {} : { http }),
    });
  }

  #toRequests() {
    const [errors4xx, errors5xx] = [toBigInt(this.#get("errors4xx")), toBigInt(this.#get("errors5xx"))];
    const counted = toBigInt(this.#get("requests")) - errors4xx - errors5xx;
    const answered = toBigInt(this.#get("otherAnswers"));
    const requests = (counted > answered ? counted : answered) + errors4xx + errors5xx;
    if (requests === 0n) return undefined;
    const meanMs = this.#get("durationMeanMs");
    const buckets = [...this.#buckets].sort(([one], [other]) => one - other);
    return {
      ...{ requests, errors4xx, errors5xx, sumNs: toSum(Number(requests), meanMs * 1e6) },
      maxNs: toBigInt(Math.max(meanMs, this.#longestMs) * 1e6),
      bucketNumbers: buckets.map(([bucket]) => bucket),
      bucketCounts: buckets.map(([, count]) => toBigInt(count)),
    };
  }

  #get(field: MeterField): number {
    return this.#values.get(field) ?? 0;
  }
}

/** Sums of many are to stay numbers of 64 bits. */
const largestSum = 2 ** 50;

function toSum(count: number, mean: number): bigint {
  return toBigInt(count * mean);
}

function toBigInt(value: number): bigint {
  return BigInt(Math.round(Math.min(value, largestSum)));
}
