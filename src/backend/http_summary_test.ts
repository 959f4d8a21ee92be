import assert from "node:assert/strict";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ProcessHttpSchema } from "../gen/stakeout/v1/agent_service_pb.ts";
import { listSeenPaths, sumUpHttp } from "./http_summary.ts";

function record(startMs: number, http: MessageInitShape<typeof ProcessHttpSchema>) {
  return {
    processId: "p",
    startMs,
    seconds: 10,
    data: toBinary(ProcessHttpSchema, create(ProcessHttpSchema, http)),
  };
}

Deno.test("sumUpHttp() adds counts and paths up, and takes connections and requests in flight from the newest", () => {
  const newest = {
    requests: 30n,
    errors5xx: 3n,
    inFlight: 2,
    connections: { http: 7n, tls: 5n },
    paths: [{ path: "/pay", requests: 20n, errors5xx: 3n, meanMs: 10, maxMs: 40 }, {
      path: "",
      requests: 10n,
      meanMs: 1,
    }],
  };
  const older = {
    requests: 13n,
    errors4xx: 1n,
    inFlight: 11,
    connections: { http: 1n },
    paths: [{ path: "/cart", requests: 40n, meanMs: 2 }, {
      path: "/pay",
      requests: 60n,
      meanMs: 50,
      maxMs: 90,
    }],
  };
  const sides = sumUpHttp([
    record(1_090_000, newest),
    record(1_000_000, older),
    record(1_000_000, { client: true }),
  ]);
  assert.deepEqual(sides.map(({ http }) => http?.client), [false, true]);
  const [server] = sides;
  // The 80 seconds without a record were without a request.
  assert.deepEqual([server?.startUnixMs, server?.seconds], [1_000_000n, 100]);
  const { requests, errors4xx, errors5xx, inFlight, connections, paths } = server!.http!;
  assert.deepEqual([requests, errors4xx, errors5xx, inFlight], [43n, 1n, 3n, 2]);
  assert.deepEqual([connections?.http, connections?.tls], [7n, 5n]);
  assert.deepEqual(
    paths?.map((path) => [path.path, path.requests, path.errors5xx, path.meanMs, path.maxMs]),
    [
      ["/pay", 80n, 3n, 40, 90],
      ["/cart", 40n, 0n, 2, 0],
      ["", 10n, 0n, 1, 0],
    ],
  );
});

Deno.test("sumUpHttp() keeps 64 paths and the rest as one, and says nothing of nothing", () => {
  assert.deepEqual(sumUpHttp([]), []);
  const paths = Array.from({ length: 64 }, (_, index) => ({ path: `/a/${index}`, requests: 2n }));
  const others = paths.map(({ path }) => ({ path: `${path}/b`, requests: 1n }));
  const joined = sumUpHttp([record(10_000, { paths }), record(0, { paths: others })])[0]!.http!.paths!;
  assert.equal(joined.length, 65);
  assert.deepEqual([joined.at(-1)?.path, joined.at(-1)?.requests], ["", 64n]);
});

Deno.test("listSeenPaths() offers what a rule can name, by side, most requests first", () => {
  const server = record(0, {
    paths: [{ path: "/a", requests: 3n }, { path: `/${"x".repeat(126)}…`, requests: 99n }, {
      path: "",
      requests: 50n,
    }],
  });
  const client = record(0, {
    client: true,
    paths: [{ path: "/b", requests: 5n }, { path: "*", requests: 7n }],
  });
  assert.deepEqual(listSeenPaths([server, client, server]), [
    { path: "/a", client: false, requests: 6n },
    { path: "/b", client: true, requests: 5n },
  ]);
});
