/// <reference lib="deno.ns" />
import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  NetworkProfileSchema,
  NetworkRole,
  NetworkSampleSchema,
  NetworkTrafficSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { listLimits, listLosses } from "./loss_words.ts";
import { formatTime, measureTraffic, summarizeTraffic } from "./measures.ts";
import { listPaths } from "./path_rows.ts";
import { describeParts } from "./sample_words.ts";
import { addTraffic, noTraffic, unite } from "./traffic_sum.ts";

function traffic(rest: Parameters<typeof create<typeof NetworkTrafficSchema>>[1]) {
  const sum = noTraffic();
  addTraffic(sum, create(NetworkTrafficSchema, rest));
  return sum;
}

const http = {
  ...{ requests: 200n, errors4xx: 3n, errors5xx: 1n, sumNs: 1n, maxNs: 20_000_000n },
  ...{ bucketNumbers: [100], bucketCounts: [200n] },
};

Deno.test("measureTraffic() has nothing for what an edge has not, and says what is bad", () => {
  const unix = traffic({ sentBytes: 2048n });
  for (const measure of ["rate", "errors", "latency", "rtt", "retransmits"] as const) {
    assert.equal(measureTraffic(unix, measure, 10), undefined, measure);
  }
  assert.equal(measureTraffic(unix, "throughput", 2)?.text, "1 KiB/s");
  const web = traffic({ http, rttSamples: 2, rttSumUs: 500n });
  assert.equal(measureTraffic(web, "rate", 10)?.text, "20 /s");
  assert.deepEqual(measureTraffic(web, "errors", 10), { size: 0.02, text: "2 %", isBad: true });
  assert.deepEqual(measureTraffic(web, "retransmits", 10), { size: 0, text: "0", isBad: false });
  assert.equal(measureTraffic(web, "rtt", 10)?.text, "0.25 ms");
  const refused = traffic({ connects: 5, connectsRefused: 5 });
  assert.deepEqual(measureTraffic(refused, "errors", 10), {
    size: 1,
    text: "5 failed connects",
    isBad: true,
  });
  assert.match(summarizeTraffic(web, 10), /^20 \/s, 2 % errors, p95 [\d.]+ ms$/);
});

Deno.test("unite() adds up histograms, and takes the largest of what is an extreme", () => {
  const both = unite([traffic({ http, rttMaxUs: 5 }), traffic({ http, rttMaxUs: 9, open: 2 })]);
  assert.deepEqual([both.http.requests, both.http.buckets[100], both.rttMaxUs, both.open], [400, 400, 9, 2]);
});

Deno.test("formatTime() has as many digits as matter", () => {
  assert.deepEqual([900, 93_100, 123_456, 12_345_678, 1.5e9].map(formatTime), [
    ...["0.9 µs", "93.1 µs", "0.12 ms", "12.3 ms", "1.5 s"],
  ]);
});

Deno.test("listPaths() joins a path of all edges by side, and ends with what has no path", () => {
  const profile = create(NetworkProfileSchema, {
    edges: [1, 2, 3].map((edge) => ({ edge, role: edge === 3 ? NetworkRole.CLIENT : NetworkRole.SERVER })),
    paths: [{ pathNumber: 1, edge: 1, path: "/a" }, { pathNumber: 2, edge: 2, path: "/a" }, {
      pathNumber: 3,
      edge: 3,
      path: "/a",
    }],
    pathTotals: [1, 2, 3].map((pathNumber) => ({ pathNumber, http: { requests: BigInt(pathNumber) } })),
    totals: [1, 2, 3].map((edge) => ({ edge, http: { requests: 5n } })),
  });
  const rows = listPaths(profile).map(({ path, isServer, sum }) => [path, isServer, sum.requests]);
  assert.deepEqual(rows, [["/a", true, 3], ["/a", false, 3], ["", true, 7], ["", false, 2]]);
});

Deno.test("listPaths() has all of a profile without paths, and errors of what has none beside others", () => {
  const profile = create(NetworkProfileSchema, {
    edges: [1, 2].map((edge) => ({ edge, role: edge === 1 ? NetworkRole.SERVER : NetworkRole.CLIENT })),
    paths: [{ pathNumber: 1, edge: 2, path: "/a" }],
    pathTotals: [{ pathNumber: 1, http: { requests: 50n, errors4xx: 2n } }],
    totals: [1, 2].map((edge) => ({ edge, http })),
  });
  const rows = listPaths(profile).map((
    { path, isServer, sum: { requests, errors4xx, errors5xx, buckets } },
  ) => [
    ...[path, isServer, requests, errors4xx, errors5xx, buckets[100]],
  ]);
  assert.deepEqual(rows, [["/a", false, 50, 2, 0, 0], ["", true, 200, 3, 1, 200], ["", false, 150, 1, 1, 0]]);
});

Deno.test("describeParts() does not invent parts", () => {
  const parts = { method: "GET", requestNs: 100_000n, waitNs: 2_000_000n, responseNs: 0n, complete: true };
  const whole = create(NetworkSampleSchema, { ...parts, method: "", requestNs: 0n });
  assert.equal(describeParts(whole, true), "2 ms in all");
  const atOnce = create(NetworkSampleSchema, { ...parts, requestNs: 0n });
  assert.match(describeParts(atOnce, false), /^sending 0 µs, waiting 2 ms, receiving 0 µs$/);
  assert.equal(
    describeParts(create(NetworkSampleSchema, { ...parts, method: "", requestNs: 0n, waitNs: 0n }), true),
    "< 1 ms in all",
  );
  assert.match(
    describeParts(create(NetworkSampleSchema, parts), true),
    /^reading 0.1 ms, working 2 ms, writing /,
  );
});

Deno.test("listLosses() says what was lost with its count, and limits apart", () => {
  const loss = { tlsConnections: 1n, lostSamples: 23n };
  const profile = create(NetworkProfileSchema, {
    loss,
    missingChunks: 2,
    leftOutEdges: 7,
    limits: ["No \u202eUDP."],
  });
  assert.deepEqual(listLosses(profile), [
    "2 five-second pieces of this range never arrived: the agent's queue was full",
    "1 connection is encrypted",
    "23 samples were lost",
    "7 of the least busy peers are left out here; the export has all",
  ]);
  assert.deepEqual(listLimits(profile), ["No \\u202eUDP"]);
});
