import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { MeterDataSchema } from "../../gen/skywalking/v3/meter_pb.ts";
import { latencyBucket } from "../../model/latency_buckets.ts";
import { isNetworkMeter, readNetworkMeter } from "./network_meter.ts";
import { NetworkSum } from "./network_sum.ts";

const ends = { client_process_id: "p-1", server_address: "10.0.0.7:5432", side: "client", protocol: "http" };

function labelsOf(texts: Readonly<Record<string, string>>) {
  return Object.entries(texts).map(([name, value]) => ({ name, value }));
}

function single(name: string, value: number, labels: Readonly<Record<string, string>> = {}) {
  const all = labelsOf({ ...ends, is_ssl: "false", ...labels });
  return create(MeterDataSchema, {
    metric: { case: "singleValue", value: { name: `rover_net_p_${name}`, labels: all, value } },
  });
}

function histogram(name: string, values: readonly (readonly [bucket: number, count: number])[]) {
  const list = values.map(([bucket, count]) => ({ bucket, count: BigInt(count) }));
  return create(MeterDataSchema, {
    metric: {
      case: "histogram",
      value: { name: `rover_net_p_${name}`, labels: labelsOf(ends), values: list },
    },
  });
}

Deno.test("readNetworkMeter() tells the ends by the labels", () => {
  const meter = (labels: Readonly<Record<string, string>>) => {
    const read = readNetworkMeter(create(MeterDataSchema, {
      metric: {
        case: "singleValue",
        value: { name: "rover_net_p_server_read_bytes_counter", labels: labelsOf(labels), value: 1 },
      },
    }));
    return typeof read === "object" ? read.ends : read;
  };
  const server = { server_process_id: "p-1", side: "server" };
  assert.deepEqual(meter({ ...server, client_process_id: "p-2", protocol: "udp" }), {
    ...{ processId: "p-1", isServer: true, peerId: "p-2", peerAddress: "", isUdp: true, isTls: false },
  });
  assert.deepEqual(meter({ ...server, client_address: "10.0.0.9:40123", is_ssl: "true" }), {
    ...{ processId: "p-1", isServer: true, peerId: "", peerAddress: "10.0.0.9:40123" },
    ...{ isUdp: false, isTls: true },
  });
  assert.deepEqual(meter({ client_process_id: "p-1", server_local: "true", side: "unknown" }), {
    ...{ processId: "p-1", isServer: false, peerId: "", peerAddress: "", isUdp: false, isTls: false },
  });
  const many = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`label${index}`, ""]));
  for (const labels of [{}, { ...server, client_address: "1".repeat(65) }, { ...server, ...many }]) {
    assert.equal(meter({ side: "server", ...labels }), "invalid");
  }
});

Deno.test("NetworkSum makes an edge's row of its meters, means in any order", () => {
  const sum = new NetworkSum();
  const meters = [
    single("client_write_rtt_exe_time_counter", 150.5),
    single("client_write_counts_counter", 7),
    single("client_write_bytes_counter", 70_001),
    single("client_read_counts_counter", 3),
    single("client_read_bytes_counter", 900),
    single("client_write_rtt_counts_counter", 4),
    single("client_connect_counts_counter", 3),
    single("client_connect_exe_time_counter", 2_000),
    single("client_close_counts_counter", 2),
    single("client_retransmit_counts_counter", 5),
    single("http1_request_counter", 11),
    single("http1_response_status_counter", 6, { code: "200" }),
    single("http1_response_status_counter", 2, { code: "404" }),
    single("http1_response_status_counter", 1, { code: "4xx" }),
    single("http1_response_status_counter", 1, { code: "503" }),
    single("http1_client_duration_avg", 12.5),
    // 0 to 2 ms: 1; 10 to 15: 12.5; all from 30 s on: 30 s.
    histogram("http1_client_duration_histogram", [[1, 4], [2, 0], [10, 6], [15, 0], [30_000, 1]]),
  ];
  for (const data of meters) {
    const meter = readNetworkMeter(data);
    assert.ok(typeof meter === "object");
    sum.add(meter);
  }
  const row = sum.toTraffic(9, false);
  assert.deepEqual([row.edge, row.sentMessages, row.sentBytes, row.receivedMessages, row.receivedBytes], [
    ...[9, 7n, 70_001n, 3n, 900n],
  ]);
  assert.deepEqual([row.rttSamples, row.rttSumUs, row.rttMinUs, row.rttMaxUs], [4, 602n, 151, 151]);
  assert.deepEqual([row.connects, row.opened, row.connectSumNs, row.connectMaxNs], [3, 3, 6_000n, 2_000n]);
  assert.deepEqual([row.closedByLocal, row.retransmits], [2, 5]);
  const { http } = row;
  assert.deepEqual([http?.requests, http?.errors4xx, http?.errors5xx], [11n, 3n, 1n]);
  assert.deepEqual([http?.sumNs, http?.maxNs], [137_500_000n, 30_000_000_000n]);
  assert.deepEqual(http?.bucketNumbers, [1e6, 12.5e6, 30e9].map(latencyBucket));
  assert.deepEqual(http?.bucketCounts, [4n, 6n, 1n]);
  assert.equal(sum.toTraffic(9, true).opened, 0);
  assert.equal(new NetworkSum().toTraffic(9, false).http, undefined);
});

Deno.test("readNetworkMeter() passes over what has no place here, and tells what makes no sense", () => {
  const passed = ["client_drop_counts_counter", "client_write_exe_time_counter", "http1_server_duration_avg"]
    .concat("http1_request_package_size_avg", "constructor_counter", "client_toString_counter", "");
  for (const name of passed) assert.equal(readNetworkMeter(single(name, 5)), undefined, name);
  for (const name of ["client_write_rtt_histogram", "http1_response_package_size_histogram"]) {
    assert.equal(readNetworkMeter(histogram(name, [[1, 1]])), undefined, name);
  }
  for (const value of [NaN, -1, Infinity, -Infinity, 2 ** 48]) {
    assert.equal(readNetworkMeter(single("client_write_bytes_counter", value)), "invalid", String(value));
  }
  const wide = Array.from({ length: 10_000 }, (_, index) => [index, 1] as const);
  for (const values of [wide, [[2, 1], [1, 1]], [[1, -1]], [[NaN, 1]], [[1, 2 ** 48]]] as const) {
    assert.equal(readNetworkMeter(histogram("http1_client_duration_histogram", values)), "invalid");
  }
  assert.equal(readNetworkMeter(single("http1_client_duration_histogram", 1)), "invalid");
  assert.equal(readNetworkMeter(histogram("client_write_bytes_counter", [[1, 1]])), "invalid");
  assert.equal(isNetworkMeter(single("anything", 1)), true);
  assert.equal(isNetworkMeter(create(MeterDataSchema)), false);
});

Deno.test("NetworkSum stays within its bits, and takes a meter of each name once", () => {
  const sum = new NetworkSum();
  const names = ["client_write_bytes_counter", "client_connect_counts_counter"].concat(
    ...["client_connect_exe_time_counter", "client_write_rtt_counts_counter"],
    ...["client_write_rtt_exe_time_counter", "http1_request_counter", "http1_client_duration_avg"],
  );
  const add = (name: string, labels = {}) => {
    const meter = readNetworkMeter(single(name, 2 ** 48 - 1, labels));
    assert.ok(typeof meter === "object");
    return sum.add(meter);
  };
  for (const isNew of [true, false]) for (const name of names) assert.equal(add(name), isNew);
  for (let code = 500; code < 600; code++) {
    assert.equal(add("http1_response_status_counter", { code: `${code}` }), true);
  }
  const row = sum.toTraffic(1, false);
  assert.deepEqual([row.connects, row.rttMaxUs, row.sentBytes], [0xffff_ffff, 0xffff_ffff, 2n ** 48n - 1n]);
  assert.deepEqual([row.connectSumNs, row.http?.sumNs, row.http?.requests], [
    2n ** 50n,
    2n ** 50n,
    2n ** 50n,
  ]);
});
