import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { MeterDataSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import { NetworkRequestsSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { HttpMeters, type Metric } from "./network_http_meters.ts";

const labels = [{ name: "is_ssl", value: "false" }];
/** SkyWalking's, as its agent sends them. */
const bounds =
  "1 2 5 10 15 20 25 30 40 45 50 60 65 70 80 90 100 110 130 150 170 200 230 260 290 330 380 430 480 " +
  "500 600 700 800 900 1000 1100 1300 1500 1800 2000 5000 10000 15000 20000 30000";

/** As `name value code`, without the names' common beginning; a histogram's buckets that are not empty in place of a value. */
function shown(metrics: Iterable<Metric>): string[] {
  return [...metrics].map((metric) => {
    const made = create(MeterDataSchema, { metric }).metric;
    assert.deepEqual(made.value?.labels[0]?.value, "false");
    const code = made.value?.labels.find(({ name }) => name === "code")?.value;
    const value = made.case !== "histogram"
      ? made.value?.value
      : made.value.values.filter(({ count }) => count > 0n).map(({ bucket, count }) => `${bucket}:${count}`);
    const name = made.value?.name.replace("rover_net_p_http1_", "");
    return [name, value, code].filter((part) => part !== undefined).join(" ");
  });
}

/** Two seconds of a connection. */
function sample(): HttpMeters {
  const http = new HttpMeters();
  // Their middles in ms: 0.0005, 1.90, 2.03, 4.98 (of 4.72 to 5.24), 5.51.
  http.add(create(NetworkRequestsSchema, {
    ...{ requests: 15n, errors4xx: 4n, errors5xx: 1n, sumNs: 30_000_000n },
    ...{ bucketNumbers: [0, 70, 71, 81, 82], bucketCounts: [1n, 2n, 3n, 4n, 5n] },
  }));
  // 5.51, 15.2 (of 14.7 to 15.7), and all over 64 s.
  http.add(create(NetworkRequestsSchema, {
    ...{ requests: 21n, errors5xx: 2n, sumNs: 60_000_000n },
    ...{ bucketNumbers: [82, 94, 191], bucketCounts: [6n, 7n, 8n] },
  }));
  return http;
}

Deno.test("HttpMeters tells requests, classes of status, mean durations, and sizes of a server and of a client", () => {
  const bytes = { received: 3600n, sent: 9000n };
  const common = [
    "request_counter 36",
    "response_status_counter 29 1xx-3xx",
    "response_status_counter 4 4xx",
  ];
  assert.deepEqual(shown(sample().list({ side: "server", labels, bytes })), [
    ...common,
    "response_status_counter 3 5xx",
    "server_duration_avg 2.5",
    "server_duration_histogram 1:3,2:7,5:11,15:7,30000:8",
    "request_package_size_avg 100",
    "response_package_size_avg 250",
  ]);
  assert.deepEqual(shown(sample().list({ side: "client", labels, bytes })).slice(4), [
    "client_duration_avg 2.5",
    "client_duration_histogram 1:3,2:7,5:11,15:7,30000:8",
    "request_package_size_avg 250",
    "response_package_size_avg 100",
  ]);
});

Deno.test("HttpMeters sends all buckets of a histogram, no sizes of what is not HTTP alone, and nothing without requests", () => {
  const metrics = [...sample().list({ side: "server", labels, bytes: undefined })];
  const histogram = metrics.at(-1);
  assert.equal(histogram?.case, "histogram");
  const values = create(MeterDataSchema, { metric: histogram! }).metric.value;
  assert.ok(values !== undefined && "values" in values);
  assert.equal(values.values.map(({ bucket }) => bucket).join(" "), bounds);
  assert.equal(values.values.reduce((sum, { count }) => sum + count, 0n), 36n);
  assert.ok(values.values.every(({ isNegativeInfinity }) => !isNegativeInfinity));
  assert.deepEqual([...new HttpMeters().list({ side: "server", labels, bytes: undefined })], []);
});
