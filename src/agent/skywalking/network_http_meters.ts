import type { MessageInitShape } from "@bufbuild/protobuf";
import type { MeterDataSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import type { NetworkRequests } from "../../gen/stakeout/v1/network_pb.ts";
import { bucketStartNs, latencyBuckets } from "../../model/latency_buckets.ts";

/** A meter without whose it is. */
export type Metric = NonNullable<MessageInitShape<typeof MeterDataSchema>["metric"]>;

/** A label of a meter. */
export interface Label {
  readonly name: string;
  readonly value: string;
}

/** Where requests were seen. */
export interface HttpPlace {
  readonly side: "client" | "server";
  readonly labels: readonly Label[];
  /** Of all connections in the same time; undefined where not all of them are requests and responses. */
  readonly bytes: { readonly received: bigint; readonly sent: bigint } | undefined;
}

/** Lower bounds of SkyWalking's buckets of durations; the first one takes what is shorter, too. */
const boundsMs = [
  ...[1, 2, 5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 65, 70, 80, 90, 100, 110, 130, 150, 170, 200, 230, 260],
  ...[290, 330, 380, 430, 480, 500, 600, 700, 800, 900, 1000, 1100, 1300, 1500, 1800, 2000, 5000, 10_000],
  ...[15_000, 20_000, 30_000],
];

/** Of each of our buckets the one of SkyWalking's that has its middle. */
const boundOfBucket = Array.from({ length: latencyBuckets }, (_, bucket) => {
  const middleMs = (bucketStartNs(bucket) + bucketStartNs(bucket + 1)) / 2e6;
  return Math.max(0, boundsMs.findLastIndex((bound) => bound <= middleMs));
});

/**
 * Requests between two processes within a chunk, as SkyWalking's meters of HTTP/1.
 *
 * Not what SkyWalking's own agent tells: a status is known by its class alone, so that `code` is `4xx`, `5xx`, or `1xx-3xx` for
 * all others; a duration ends at the first byte of the response, where its ends at the last one, and is no whole number of
 * milliseconds; sizes are all bytes by all requests, heads included, without a histogram.
 * Limits: durations are put into SkyWalking's buckets by the middle of ours, each at most an eighth wide; the bytes of a
 * response that goes on in chunks without a request are in no mean.
 */
export class HttpMeters {
  #requests = 0n;
  #errors4xx = 0n;
  #errors5xx = 0n;
  #sumNs = 0n;
  readonly #counts = boundsMs.map(() => 0n);

  /** Adds what ended in one second. */
  add({ requests, errors4xx, errors5xx, sumNs, bucketNumbers, bucketCounts }: NetworkRequests): void {
    this.#requests += requests;
    this.#errors4xx += errors4xx;
    this.#errors5xx += errors5xx;
    this.#sumNs += sumNs;
    for (const [index, bucket] of bucketNumbers.entries()) {
      this.#counts[boundOfBucket[bucket]!]! += bucketCounts[index]!;
    }
  }

  /** Meters of what was added; none without requests. */
  *list({ side, labels, bytes }: HttpPlace): Generator<Metric> {
    if (this.#requests === 0n) return;
    const requests = Number(this.#requests);
    const single = (name: string, value: number, ...more: Label[]): Metric => ({
      case: "singleValue",
      value: { name: `rover_net_p_http1_${name}`, labels: [...labels, ...more], value },
    });
    yield single("request_counter", requests);
    const codes = [
      ["1xx-3xx", this.#requests - this.#errors4xx - this.#errors5xx],
      ["4xx", this.#errors4xx],
      ["5xx", this.#errors5xx],
    ] as const;
    for (const [code, count] of codes) {
      if (count <= 0n) continue;
      yield single("response_status_counter", Number(count), { name: "code", value: code });
    }
    yield single(`${side}_duration_avg`, Number(this.#sumNs) / 1e6 / requests);
    const values = this.#counts.map((count, index) => ({ bucket: boundsMs[index]!, count }));
    yield {
      case: "histogram",
      value: { name: `rover_net_p_http1_${side}_duration_histogram`, labels: [...labels], values },
    };
    const { received = 0n, sent = 0n } = bytes ?? {};
    const [request, response] = side === "server" ? [received, sent] : [sent, received];
    if (request > 0n) yield single("request_package_size_avg", Number(request) / requests);
    if (response > 0n) yield single("response_package_size_avg", Number(response) / requests);
  }
}
