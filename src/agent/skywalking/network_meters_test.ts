import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { NetworkChunkSchema, NetworkProtocol, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import type { Entity } from "./entity.ts";
import { NetworkMeters } from "./network_meters.ts";

const owners = {
  entityOf: (id: string): Entity | undefined =>
    id === "gone"
      ? undefined
      : { layer: "GENERAL", service: id.slice(0, 4), instance: "host", processName: id, labels: [] },
  idOf: ({ processName }: Entity) => `id of ${processName}`,
};

/** Meters of a chunk as `service name value label=value…`, without the two labels that tell nothing here. */
function metersOf(meters: NetworkMeters, chunk: MessageInitShape<typeof NetworkChunkSchema>): string[] {
  const made = meters.add(create(NetworkChunkSchema, { startUnixMs: 1000n, seconds: 5, ...chunk }), owners);
  return made.flatMap(({ meterData }) => meterData).map(({ service, timestamp, metric: { value } }) => {
    assert.equal(timestamp, 6000n);
    const labels = (value?.labels ?? []).filter(({ name }) => name !== "side" && name !== "is_ssl");
    const middle = /^rover_net_p_(.*?)(?:_counter)?$/.exec(value?.name ?? "")?.[1];
    const amount = value !== undefined && "value" in value ? value.value : "(histogram)";
    return [service, middle, amount, ...labels.map(({ name, value }) => `${name}=${value}`)].join(" ");
  });
}

Deno.test("add() sums a chunk by edge, means of what worked, and leaves out what is nothing", () => {
  const meters = new NetworkMeters();
  const edge = { edge: 1, processId: "shop-1", protocol: NetworkProtocol.TCP, role: NetworkRole.CLIENT };
  const row = { edge: 1, sentMessages: 2n, sentBytes: 100n, rttSamples: 2, rttSumUs: 300n };
  const first = metersOf(meters, {
    edges: [{ ...edge, remoteAddress: Uint8Array.of(10, 0, 0, 7), serverPort: 5432 }],
    traffic: [
      { ...row, second: 0, connects: 3, connectsRefused: 1, connectSumNs: 8_000n },
      { ...row, second: 4, closedByReset: 1, closedByLocal: 2, retransmits: 4 },
      { edge: 9, second: 0, sentBytes: 1n },
    ],
  });
  const labels = "client_process_id=id of shop-1 server_address=10.0.0.7:5432 protocol=tcp";
  assert.deepEqual(first, [
    `shop client_write_counts 4 ${labels}`,
    `shop client_write_bytes 200 ${labels}`,
    `shop client_write_rtt_counts 4 ${labels}`,
    `shop client_write_rtt_exe_time 150 ${labels}`,
    `shop client_connect_counts 3 ${labels}`,
    `shop client_connect_exe_time 4000 ${labels}`,
    `shop client_close_counts 3 ${labels}`,
    `shop client_retransmit_counts 4 ${labels}`,
  ]);
  // The edge was told in an earlier chunk; from now on it is one of HTTP.
  const next = metersOf(meters, { traffic: [{ edge: 1, receivedBytes: 7n, http: { requests: 1n } }] });
  const http = labels.replace("tcp", "http");
  assert.deepEqual(next, [
    `shop client_read_bytes 7 ${http}`,
    `shop http1_request 1 ${http}`,
    `shop http1_response_status 1 ${http} code=1xx-3xx`,
    `shop http1_client_duration_avg 0 ${http}`,
    `shop http1_client_duration_histogram (histogram) ${http}`,
    `shop http1_response_package_size_avg 7 ${http}`,
  ]);
  const quiet = metersOf(meters, { traffic: [{ edge: 1, receivedBytes: 7n, http: { requests: 0n } }] });
  assert.deepEqual(quiet, [`shop client_read_bytes 7 ${http}`]);
});

const shop = { processId: "shop-1", protocol: NetworkProtocol.TCP, role: NetworkRole.CLIENT };

Deno.test("add() tells TLS once an edge is one of it, and no sizes of what is encrypted or merged", () => {
  const meters = new NetworkMeters();
  const chunk = (edge: object) =>
    create(NetworkChunkSchema, {
      edges: [{ ...shop, edge: 1, ...edge }],
      traffic: [{ edge: 1, sentBytes: 1n, receivedBytes: 1n, http: { requests: 1n } }],
    });
  const sizes = (edge: object) => {
    const meterData = meters.add(chunk(edge), owners).flatMap((one) => one.meterData);
    const ssl = new Set(meterData.map(({ metric }) => metric.value?.labels.at(4)?.value));
    return [...ssl, meterData.filter(({ metric }) => metric.value?.name.includes("size")).length];
  };
  assert.deepEqual(sizes({}), ["false", 2]);
  assert.deepEqual(sizes({ tls: true }), ["true", 0]);
  assert.deepEqual(sizes({ merged: true }), ["false", 0]);
});

Deno.test("add() joins edges that are one to an OAP, and keeps those apart whose means it would add up", () => {
  const meters = new NetworkMeters();
  const remotes = Array.from({ length: 3 }, (_, index) => Uint8Array.of(10, 0, 0, index));
  const edges = [
    { ...shop, edge: 1, peerProcessId: "shop-2", serverPort: 80 },
    { ...shop, edge: 2, peerProcessId: "shop-2", serverPort: 81 },
    ...remotes.map((remoteAddress, index) => ({ ...shop, edge: 3 + index, remoteAddress, serverPort: 80 })),
    { ...shop, edge: 6, protocol: NetworkProtocol.UDP, remoteAddress: remotes[0]!, serverPort: 80 },
    { ...shop, edge: 7, remoteAddress: remotes[0]!, serverPort: 443, tls: true },
  ];
  const traffic = edges.map(({ edge }) => ({ edge, rttSamples: edge, rttSumUs: BigInt(edge * edge * 10) }));
  const made = meters.add(create(NetworkChunkSchema, { edges, traffic }), owners);
  const means = made.map(({ meterData }) =>
    meterData.filter(({ metric }) => metric.value?.name.endsWith("exe_time_counter")).map(({ metric }) => {
      assert.ok(metric.case === "singleValue");
      return `${metric.value.labels[1]?.value} ${metric.value.labels[3]?.value} ${metric.value.value}`;
    })
  );
  // Of the two ports of one process the mean of all samples: (10 + 40) / 3.
  assert.deepEqual(means, [
    [`id of shop-2 tcp ${50 / 3}`, "10.0.0.0:80 tcp 30", "10.0.0.0:443 tcp 70"],
    ["10.0.0.1:80 tcp 40"],
    ["10.0.0.2:80 tcp 50"],
    ["10.0.0.0:80 udp 60"],
  ]);
});

Deno.test("add() makes collections of some relations each", () => {
  const edges = Array.from(
    { length: 100 },
    (_, index) => ({ ...shop, edge: index + 1, processId: `shop-${index}` }),
  );
  const traffic = edges.map(({ edge }) => ({ edge, sentBytes: 1n, http: { requests: 1n } }));
  const made = new NetworkMeters().add(create(NetworkChunkSchema, { edges, traffic }), owners);
  assert.deepEqual(made.map(({ meterData }) => meterData.length / 6), [16, 16, 16, 16, 16, 16, 4]);
});

Deno.test("add() names a peer by its id within the instance, as local on the host, by its address elsewhere", () => {
  const cases: [object, string][] = [
    [{ peerProcessId: "shop-2" }, "client_process_id=id of shop-2"],
    [{ peerProcessId: "cart-1" }, "client_local=true"],
    [{ peerProcessId: "gone" }, "client_local=true"],
    [{ remoteAddress: Uint8Array.of(127, 0, 0, 1) }, "client_local=true"],
    [{ unixPath: "/run/socket" }, "client_local=true"],
    [{ remoteAddress: Uint8Array.of(192, 0, 2, 9) }, "client_address=192.0.2.9"],
    [{ merged: true }, "client_address=(all others)"],
  ];
  for (const [more, label] of cases) {
    const edge = { edge: 1, processId: "shop-1", role: NetworkRole.SERVER, serverPort: 80, ...more };
    const [meter] = metersOf(new NetworkMeters(), {
      edges: [edge],
      traffic: [{ edge: 1, receivedBytes: 1n }],
    });
    assert.equal(meter, `shop server_read_bytes 1 server_process_id=id of shop-1 ${label} protocol=tcp`);
  }
  const gone = { edge: 1, processId: "gone", role: NetworkRole.SERVER };
  assert.deepEqual(
    metersOf(new NetworkMeters(), { edges: [gone], traffic: [{ edge: 1, sentBytes: 1n }] }),
    [],
  );
});
