/** Wire bytes written by hand from SkyWalking's field numbers, against the meters of a network profile. */
import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import { EntityBook } from "../../src/agent/skywalking/entity.ts";
import { NetworkMeters } from "../../src/agent/skywalking/network_meters.ts";
import { MeterDataCollectionSchema } from "../../src/gen/skywalking/v3/meter_pb.ts";
import { NetworkChunkSchema, NetworkProtocol, NetworkRole } from "../../src/gen/stakeout/v1/network_pb.ts";
import { bytes, double, message, number, text } from "./hand_bytes.ts";
import { sampleProcess } from "./samples.ts";

const bounds =
  "1 2 5 10 15 20 25 30 40 45 50 60 65 70 80 90 100 110 130 150 170 200 230 260 290 330 380 430 480 " +
  "500 600 700 800 900 1000 1100 1300 1500 1800 2000 5000 10000 15000 20000 30000";

Deno.test("meters of connections and of HTTP are the bytes of the protocol, a histogram with all its buckets", () => {
  const book = new EntityBook({ hostLayer: "GENERAL", podLayer: "MESH", services: ["*"] });
  const shop = sampleProcess("shop", 77);
  const owners = { entityOf: () => book.nameOf(shop), idOf: () => "id-1" };
  const chunk = create(NetworkChunkSchema, {
    ...{ startUnixMs: 1_700_000_000_000n, seconds: 5 },
    edges: [{
      ...{
        edge: 1,
        processId: shop.id,
        protocol: NetworkProtocol.TCP,
        role: NetworkRole.SERVER,
        serverPort: 80,
      },
      remoteAddress: Uint8Array.of(10, 0, 0, 7),
    }],
    traffic: [{
      ...{ edge: 1, receivedBytes: 300n },
      // 14.7 to 15.7 ms.
      http: { requests: 2n, errors5xx: 2n, sumNs: 30_500_000n, bucketNumbers: [94], bucketCounts: [2n] },
    }],
  });
  const [collection, ...more] = new NetworkMeters().add(chunk, owners);
  assert.deepEqual(more, []);
  const pair = (name: string, value: string) => message(2, text(1, name), text(2, value));
  const labels = [
    pair("server_process_id", "id-1"),
    pair("client_address", "10.0.0.7"),
    pair("side", "server"),
    pair("protocol", "http"),
    pair("is_ssl", "false"),
  ];
  const end = [text(3, "shop"), text(4, "host-1"), number(5, 1_700_000_005_000n)];
  const single = (name: string, value: number, ...more: number[][]) =>
    message(
      1,
      message(1, text(1, `rover_net_p_${name}`), ...labels, ...more, double(3, value)),
      ...end,
    );
  const buckets = bounds.split(" ").map((bound) =>
    // A count of 0 is a default and has no bytes.
    message(3, double(1, Number(bound)), ...bound === "15" ? [number(2, 2)] : [])
  );
  assert.deepEqual(
    toBinary(MeterDataCollectionSchema, collection!),
    bytes(
      single("server_read_bytes_counter", 300),
      single("http1_request_counter", 2),
      single("http1_response_status_counter", 2, pair("code", "5xx")),
      single("http1_server_duration_avg", 15.25),
      message(
        1,
        message(2, text(1, "rover_net_p_http1_server_duration_histogram"), ...labels, ...buckets),
        ...end,
      ),
      single("http1_request_package_size_avg", 150),
    ),
  );
});
