import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkProfileSchema, NetworkProtocol, NetworkRole } from "../gen/stakeout/v1/network_pb.ts";
import { toNetworkRecord } from "../backend/export/network_record.ts";
import { formatNetwork } from "./network_table.ts";

const profile = create(NetworkProfileSchema, {
  startUnixMs: 1_700_000_000_000n,
  seconds: 10,
  processes: [
    { processId: "a", pid: 7, name: "shop", service: "shop", covered: true },
    { processId: "b", pid: 9, name: "post\u001b[31mgres" },
  ],
  edges: [
    {
      ...{
        edge: 1,
        processId: "a",
        protocol: NetworkProtocol.TCP,
        role: NetworkRole.CLIENT,
        serverPort: 5432,
      },
      ...{ remoteAddress: new Uint8Array([10, 0, 0, 2]), peerProcessId: "b" },
    },
    { edge: 2, processId: "a", protocol: NetworkProtocol.UNIX, role: NetworkRole.SERVER, unixPath: "/run/a" },
  ],
  paths: [{ pathNumber: 1, edge: 1, path: "/pay" }],
  totals: [{
    ...{
      edge: 1,
      sentBytes: 20480n,
      opened: 3,
      connects: 4,
      connectsRefused: 1,
      rttSamples: 2,
      rttSumUs: 1500n,
    },
    ...{ retransmits: 5, resetsSent: 1, resetsReceived: 1 },
    http: {
      requests: 50n,
      errors4xx: 2n,
      errors5xx: 1n,
      maxNs: 9_000_000n,
      bucketNumbers: [80],
      bucketCounts: [50n],
    },
  }],
  pathTotals: [{ pathNumber: 1, http: { requests: 50n, errors5xx: 1n } }],
});

Deno.test("formatNetwork shows a row for each peer with traffic, then its paths", () => {
  const lines = formatNetwork(toNetworkRecord(profile)).split("\n");
  assert.match(
    lines[1]!,
    /^shop \(7\) +client +10\.0\.0\.2:5432 post\\x1b\[31mgres +5 +2 +1 +[\d.]+ ms +[\d.]+ ms +3 +1 +0\.75 ms +5 +2 +0 B +2 KiB$/,
  );
  assert.equal(lines[2], "");
  assert.match(lines[4]!, /^\/pay +10\.0\.0\.2:5432 +50 +0 +1 /);
  assert.equal(formatNetwork(toNetworkRecord(create(NetworkProfileSchema))), "no traffic\n");
});

Deno.test("toNetworkRecord has names for numbers and no message types", () => {
  const text = JSON.stringify(toNetworkRecord(profile));
  assert.ok(!text.includes("$typeName"));
  const [edge, unix] = JSON.parse(text).edges;
  assert.deepEqual([edge.protocol, edge.role, edge.peer, edge.rttMeanMs], [
    "tcp",
    "client",
    "10.0.0.2:5432",
    0.75,
  ]);
  assert.deepEqual([unix.peer, unix.opened, unix.http], ["/run/a", 0, null]);
});
