import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  NetworkChunkSchema,
  type NetworkEdgeSchema,
  NetworkRole,
  type NetworkSampleSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import type { Entity } from "./entity.ts";
import { SampledRequests } from "./sampled_requests.ts";
import { readSamplingRules } from "./sampling_rules.ts";

const owners = {
  entityOf: (id: string): Entity | undefined =>
    id === "gone"
      ? undefined
      : { layer: "GENERAL", service: id.slice(0, 4), instance: "host", processName: id, labels: [] },
  idOf: ({ processName }: Entity) => `id of ${processName}`,
};
const everything = rules({ When4xx: true, When5xx: true });

function rules(...samplings: object[]) {
  return readSamplingRules(JSON.stringify({ NetworkSamplings: samplings })).rules;
}

function add(
  requests: SampledRequests,
  samples: MessageInitShape<typeof NetworkSampleSchema>[],
  wanted = everything,
  edges: MessageInitShape<typeof NetworkEdgeSchema>[] = [],
) {
  const ready = samples.map((sample) => ({ edge: 1, traceId: "a", path: "/pay", status: 200, ...sample }));
  return requests.add(create(NetworkChunkSchema, { edges, samples: ready }), wanted, owners);
}

function withEdge(more: object = {}): SampledRequests {
  const requests = new SampledRequests();
  const edge = {
    edge: 1,
    processId: "shop-1",
    role: NetworkRole.SERVER,
    remoteAddress: Uint8Array.of(10, 0, 0, 7),
  };
  assert.deepEqual(add(requests, [], everything, [{ ...edge, ...more }]), []);
  return requests;
}

Deno.test("add() tells requests with a trace id that a rule wants, of edges that it was told in any chunk", () => {
  const ms = (value: number) => BigInt(value * 1e6);
  const [request, ...more] = add(withEdge(), [
    { requestNs: ms(1), waitNs: ms(2.5), responseNs: ms(3.6) },
    { traceId: "" },
    { path: "" },
    { edge: 2 },
  ]);
  assert.deepEqual(more, []);
  const { sample: _sample, rule: _rule, entity: _entity, ...rest } = request!;
  assert.deepEqual(rest, {
    ...{ reason: "slow", latencyMs: 7, processId: "id of shop-1", isServer: true, tls: false },
    peer: { address: "10.0.0.7" },
  });
  assert.deepEqual(add(withEdge({ processId: "gone" }), [{}]), []);
  assert.deepEqual(add(withEdge(), [{}], rules({ URIRegex: "^/list$" })), []);
  assert.deepEqual(add(withEdge(), [{}], rules()), []);
  const [client] = add(withEdge({ role: NetworkRole.UNSPECIFIED, serverPort: 80, tls: true }), [{}]);
  assert.deepEqual([client?.isServer, client?.peer, client?.tls], [false, { address: "10.0.0.7:80" }, true]);
});

Deno.test("add() leaves out what was faster than the rule's minimum, also when it failed", () => {
  const wanted = rules({ MinDuration: 5, When5xx: true });
  const told = add(withEdge(), [
    { path: "/fast", waitNs: 4_999_999n },
    { path: "/fast", waitNs: 4_999_999n, status: 500 },
    { path: "/slow", waitNs: 5_000_000n },
  ], wanted);
  assert.deepEqual(told.map(({ sample }) => sample.path), ["/slow"]);
});

Deno.test("add() files requests by the statuses that the rule asks for, and all others as slow", () => {
  const statuses = [200, 399, 400, 499, 500, 599, 600];
  const file = (rule: object) =>
    statuses.map((status) => add(withEdge(), [{ status }], rules(rule))[0]?.reason ?? "none");
  const [slow, bad, failed] = ["slow", "status_4xx", "status_5xx"];
  assert.deepEqual(file({ When4xx: true, When5xx: true }), [slow, slow, bad, bad, failed, failed, slow]);
  assert.deepEqual(file({ When4xx: true }), [slow, slow, bad, bad, slow, slow, slow]);
  assert.deepEqual(file({}), Array(7).fill(slow));
});

Deno.test("add() keeps the 10 slowest of each reason, edge and chunk", () => {
  const requests = withEdge();
  add(requests, [], everything, [{ edge: 2, processId: "shop-2" }]);
  const samples = [200, 404, 503].flatMap((status) =>
    [1, 2].flatMap((edge) =>
      Array.from({ length: 13 }, (_, index) => ({ edge, status, waitNs: BigInt(((index * 5) % 13) * 1e6) }))
    )
  );
  for (const chunk of [1, 2]) {
    const groups = Map.groupBy(add(requests, samples), ({ sample, reason }) => `${sample.edge} ${reason}`);
    assert.equal(groups.size, 6, `chunk ${chunk}`);
    for (const group of groups.values()) {
      assert.deepEqual(group.map(({ latencyMs }) => latencyMs), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    }
  }
});
