import { create, type MessageInitShape } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { type LogData, LogDataSchema } from "../../gen/skywalking/v3/logging_pb.ts";
import { SampleReason, TraceHeader } from "../../gen/stakeout/v1/network_pb.ts";
import { readNetworkSample } from "./network_sample.ts";

const far = { process_id: "", local: false, address: "10.0.0.9:40123" };
const body = {
  ...{ uri: "/pay", reason: "status_5xx", latency: 37, trace_provider: "skywalking", component: "http" },
  ...{ client_process: far, server_process: { process_id: "p-1", local: false, address: "" } },
  ...{ detect_point: "server", ssl: true, status: 503 },
};

function log(fields: object | string, more: Exclude<MessageInitShape<typeof LogDataSchema>, LogData> = {}) {
  const json = typeof fields === "string" ? fields : JSON.stringify(fields);
  return create(LogDataSchema, {
    tags: { data: [{ key: "LOG_KIND", value: "NET_PROFILING_SAMPLED_TRACE" }] },
    body: { type: "json", content: { case: "json", value: { json } } },
    traceContext: { traceId: "4bf92f35.7.16" },
    ...more,
  });
}

function read(fields: object) {
  const sample = readNetworkSample(log({ ...body, ...fields }));
  assert.ok(typeof sample === "object", JSON.stringify(fields));
  return sample;
}

Deno.test("readNetworkSample() reads a request of either side", () => {
  assert.deepEqual(readNetworkSample(log(body)), {
    ends: {
      ...{ processId: "p-1", isServer: true, peerId: "", peerAddress: "10.0.0.9:40123" },
      ...{ isUdp: false, isTls: true },
    },
    ...{ latencyMs: 37, waitNs: 37_000_000n, complete: true, path: "/pay", status: 503 },
    ...{ reason: SampleReason.FAILED, traceId: "4bf92f35.7.16", traceHeader: TraceHeader.SW8 },
  });
  const own = { process_id: "p-2", local: false, address: "" };
  const called = { ...body, detect_point: "client", client_process: own, reason: "slow", ssl: false };
  for (
    const [server, peerId, peerAddress] of [
      [{ process_id: "p-3", local: true, address: "10.0.0.7:80" }, "p-3", ""],
      [{ process_id: "", local: true, address: "10.0.0.7:80" }, "", ""],
      [{ process_id: "", local: false, address: "10.0.0.7:80" }, "", "10.0.0.7:80"],
    ] as const
  ) {
    const sample = read({ ...called, server_process: server, trace_provider: "zipkin" });
    assert.deepEqual(sample.ends, {
      ...{ processId: "p-2", isServer: false, peerId, peerAddress, isUdp: false, isTls: false },
    });
    assert.deepEqual([sample.reason, sample.traceHeader], [SampleReason.SLOW, TraceHeader.B3]);
  }
});

Deno.test("readNetworkSample() keeps no query, no password, and nothing too long", () => {
  for (
    const [uri, path] of [
      ["/a?token=secret", "/a"],
      ["/a#secret", "/a"],
      ["http://user:secret@host/a?b", "/a"],
      ["http://user:secret@host?b", ""],
      ["/line\nbreak\u0000", "/line?break?"],
      ["/".repeat(127), "/".repeat(127)],
      ["/".repeat(128), `${"/".repeat(124)}…`],
      // Two bytes each: the 62nd would be cut in the middle.
      [`/${"ä".repeat(100)}`, `/${"ä".repeat(61)}…`],
    ] as const
  ) assert.equal(read({ uri }).path, path);
  assert.equal(read({ status: 7_000 }).status, 0);
  assert.equal(read({ status: "secret" }).status, 0);
  assert.equal(read({ reason: { secret: 1 } }).reason, SampleReason.NORMAL);
  for (const traceId of ["x".repeat(129), "with space", ""]) {
    const sample = readNetworkSample(log(body, { traceContext: { traceId } }));
    assert.ok(typeof sample === "object");
    assert.deepEqual([sample.traceId, sample.traceHeader], ["", TraceHeader.UNSPECIFIED]);
  }
});

Deno.test("readNetworkSample() passes over other logs, and tells what makes no sense", () => {
  assert.equal(
    readNetworkSample(log(body, { tags: { data: [{ key: "LOG_KIND", value: "OTHER" }] } })),
    undefined,
  );
  assert.equal(readNetworkSample(create(LogDataSchema)), undefined);
  const text = { type: "text", content: { case: "text", value: { text: "x" } } } as const;
  assert.equal(readNetworkSample(log(body, { body: text })), "invalid");
  const wrong: (object | string)[] = [
    ...["{", "null", "[]", "7", `"${"x".repeat(70_000)}"`],
    ...[{ latency: -1 }, { latency: 1e12 }, { latency: "5" }, { uri: null }, { server_process: null }],
    ...[{ client_process: { address: "1".repeat(65) } }],
  ].map((one) => typeof one === "string" ? one : { ...body, ...one });
  for (const fields of wrong) assert.equal(readNetworkSample(log(fields)), "invalid", JSON.stringify(fields));
});
