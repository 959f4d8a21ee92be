import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { NetworkProfileSchema } from "../../gen/stakeout/v1/network_pb.ts";
import { fitNetworkProfile } from "./fit_network_profile.ts";

/** Edge n has sent n bytes; its one path has n requests. */
function makeProfile(edges: number, pathBytes: number) {
  const numbers = Array.from({ length: edges }, (_, index) => index + 1);
  const histogram = { bucketNumbers: [1, 2], bucketCounts: [1n, 2n] };
  return create(NetworkProfileSchema, {
    processes: numbers.map((edge) => ({ processId: `p${edge}`, name: "x" })),
    edges: numbers.map((edge) => ({ edge, processId: `p${edge}` })),
    totals: numbers.map((edge) => ({ edge, sentBytes: BigInt(edge) })),
    paths: numbers.map((edge) => ({ edge, pathNumber: edge, path: "/".repeat(pathBytes) })),
    pathTotals: numbers.map((edge) => ({ pathNumber: edge, http: { requests: BigInt(edge), ...histogram } })),
    dns: numbers.map((edge) => ({ edge, name: "n".repeat(pathBytes), dns: { requests: BigInt(edge) } })),
    samples: numbers.map((edge) => ({ edge, path: "/" })),
  });
}

Deno.test("fitNetworkProfile() leaves alone what fits", () => {
  const profile = makeProfile(500, 10);
  const before = toBinary(NetworkProfileSchema, profile);
  assert.deepEqual(toBinary(NetworkProfileSchema, fitNetworkProfile(profile, 4 << 20)), before);
});

Deno.test("fitNetworkProfile() keeps the busiest with what is theirs, and counts the others", () => {
  const { edges, paths, processes, samples, leftOutEdges } = fitNetworkProfile(
    makeProfile(3_000, 10),
    4 << 20,
  );
  assert.deepEqual([edges.length, edges[0]?.edge, edges.at(-1)?.edge, leftOutEdges], [
    1_000,
    2_001,
    3_000,
    2_000,
  ]);
  assert.ok(
    paths.every(({ edge }) => edge > 2_000) && processes.length === 1_000 && samples.length === 1_000,
  );
});

Deno.test("fitNetworkProfile() stays within the limit", () => {
  for (const limit of [200_000, 20_000]) {
    const profile = fitNetworkProfile(makeProfile(1_000, 127), limit);
    assert.ok(toBinary(NetworkProfileSchema, profile).length <= limit);
    assert.ok(profile.edges.some(({ edge }) => edge === 1_000));
    assert.equal(profile.dns.length + profile.leftOutNames > 0, true);
    assert.equal(profile.edges.length + profile.leftOutEdges, 1_000);
  }
});
