import { create, type MessageInitShape } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkEdgeSchema, NetworkProtocol, NetworkRole } from "../../gen/stakeout/v1/network_pb.ts";
import { trafficPair } from "./traffic_pair.ts";

const shop = new Uint8Array([10, 0, 0, 1]);
const bank = new Uint8Array([10, 0, 0, 7]);
const loopback = new Uint8Array([127, 0, 0, 1]);

function pair(rest: MessageInitShape<typeof NetworkEdgeSchema>, agentId = "a") {
  const edge = create(NetworkEdgeSchema, {
    edge: 1,
    protocol: NetworkProtocol.TCP,
    serverPort: 443,
    ...rest,
  });
  return trafficPair(edge, agentId);
}

Deno.test("trafficPair() is equal at both ends of what two hosts say to each other, whatever the agents", () => {
  const client = pair({ role: NetworkRole.CLIENT, localAddress: shop, remoteAddress: bank, processId: "p" });
  const server = { role: NetworkRole.SERVER, localAddress: bank, remoteAddress: shop, processId: "q" };
  assert.equal(client?.key, pair(server, "b")?.key);
  assert.deepEqual([client?.isServer, pair(server)?.isServer], [false, true]);
  assert.notEqual(client?.key, pair({ ...server, serverPort: 80 })?.key);
  assert.notEqual(client?.key, pair({ ...server, protocol: NetworkProtocol.UDP })?.key);
  assert.notEqual(client?.key, pair({ ...server, remoteAddress: bank, localAddress: shop })?.key);
});

Deno.test("trafficPair() goes by the client's process on one host, where all addresses are alike", () => {
  const ends = { localAddress: loopback, remoteAddress: loopback };
  const client = pair({ role: NetworkRole.CLIENT, ...ends, processId: "p", peerProcessId: "q" });
  const server = { role: NetworkRole.SERVER, ...ends, processId: "q", peerProcessId: "p" };
  assert.equal(client?.key, pair(server)?.key);
  assert.notEqual(client?.key, pair(server, "b")?.key);
  assert.notEqual(client?.key, pair({ ...server, peerProcessId: "other" })?.key);
  assert.equal(pair({ ...server, peerProcessId: "" }), undefined);
});

Deno.test("trafficPair() has nothing for what cannot be told", () => {
  const known = { role: NetworkRole.CLIENT, localAddress: shop, remoteAddress: bank };
  assert.notEqual(pair(known), undefined);
  for (
    const rest of [
      { role: NetworkRole.UNSPECIFIED },
      { merged: true },
      { protocol: NetworkProtocol.UNIX },
      { serverPort: 0 },
      { localAddress: new Uint8Array() },
      { remoteAddress: new Uint8Array() },
    ]
  ) assert.equal(pair({ ...known, ...rest }), undefined);
});
