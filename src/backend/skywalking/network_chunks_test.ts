import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  type NetworkChunk,
  NetworkChunkSchema,
  type NetworkEdge,
  NetworkProtocol,
  NetworkRole,
  SampleReason,
} from "../../gen/stakeout/v1/network_pb.ts";
import { TaskSchema } from "../../gen/stakeout/v1/task_pb.ts";
import { formatPeer } from "../../model/network_address.ts";
import { networkChunkFault } from "../network/network_chunk_fault.ts";
import { NetworkMerger } from "../network/network_merger.ts";
import { NetworkChunks, type NetworkFlush } from "./network_chunks.ts";
import { networkLimits } from "./network_limits.ts";
import type { MeterEnds, MeterField } from "./network_meter.ts";
import { NetworkSum } from "./network_sum.ts";
import { type RoverProcess, toRoverProcess } from "./rover_process.ts";

const startMs = 1_800_000_000_000;
const task = create(TaskSchema, {
  id: "a".repeat(32),
  startedAtUnixMs: BigInt(startMs),
  durationSeconds: 600,
});

function process(processName: string, instance = "shop-0"): RoverProcess {
  const names = { layer: "MESH", service: "shop", instance, processName };
  return toRoverProcess("rover-a", names, { pid: 7, properties: {}, labels: [], atMs: 0 });
}

const [shop, helper, other] = [process("shopd"), process("helper"), process("other", "shop-1")];
const all = new Map([shop, helper, other].map((one) => [one.id, one]));
const people = {
  find: (id: string) => all.get(id),
  isCovered: ({ instance }: RoverProcess) => instance === "shop-0",
  covered: () => [shop, helper],
};

function ends(more: Partial<MeterEnds> = {}): MeterEnds {
  const none = { peerId: "", peerAddress: "", isServer: false, isUdp: false, isTls: false };
  return { processId: shop.id, ...none, ...more };
}

function flush(second: number, sums: readonly (readonly [MeterEnds, MeterField, number])[]): NetworkFlush {
  const read = sums.map(([ends, field, value]) => {
    const sum = new NetworkSum();
    sum.add({ ends, name: field, field, value, durations: [] });
    return { ends, sum };
  });
  return { atMs: startMs + second * 1000, sums: read, samples: [], invalid: 0 };
}

function write(chunks: NetworkChunks, one: NetworkFlush, nowMs = one.atMs): NetworkChunk[] {
  const written = chunks.write(one, nowMs, people);
  for (const chunk of written) {
    assert.equal(networkChunkFault(chunk), undefined);
    assert.ok(toBinary(NetworkChunkSchema, chunk).length < 1024 * 1024);
  }
  return written;
}

function merge(written: readonly NetworkChunk[]) {
  const merger = new NetworkMerger({ taskId: task.id, taskStartMs: startMs, fromSecond: 0, toSecond: 0 });
  for (const chunk of written) merger.add(chunk);
  return merger.finish();
}

function describe(edge: NetworkEdge | undefined): string {
  const isServer = edge?.role === NetworkRole.SERVER;
  const protocol = edge?.protocol === NetworkProtocol.UDP ? "udp" : "tcp";
  return `${isServer ? "serves" : "calls"} ${formatPeer({ ...edge!, isServer })} ${
    edge!.serverPort
  } ${protocol}`;
}

Deno.test("NetworkChunks makes an edge of each peer, of a server's clients without their ports", () => {
  const bytes = (more: Partial<MeterEnds>, value: number) => [ends(more), "sentBytes", value] as const;
  const chunks = new NetworkChunks(task);
  const [chunk, ...more] = write(
    chunks,
    flush(2, [
      bytes({ isServer: true, peerAddress: "10.0.0.9:40001" }, 1),
      bytes({ isServer: true, peerAddress: "10.0.0.9:40002" }, 2),
      bytes({ isServer: true, peerAddress: "10.0.0.9" }, 3),
      bytes({ peerAddress: "10.0.0.7:5432" }, 4),
      bytes({ peerAddress: "10.0.0.7:5433" }, 5),
      bytes({ peerAddress: "2001:db8::7:5432" }, 6),
      bytes({ isServer: true, peerAddress: "2001:db8::9:40001" }, 7),
      bytes({ peerAddress: "[::1]:80", isUdp: true }, 8),
      bytes({}, 9),
      bytes({ peerId: "never-seen" }, 10),
      bytes({ peerId: helper.id }, 11),
      bytes({ peerId: other.id }, 12),
      bytes({ peerAddress: "(all others)" }, 13),
      bytes({ peerAddress: "10.0.0.7:70000" }, 14),
    ]),
  );
  assert.deepEqual(more, []);
  const sent = new Map<number, bigint>();
  for (const { edge, sentBytes } of chunk!.traffic) sent.set(edge, (sent.get(edge) ?? 0n) + sentBytes);
  assert.deepEqual(chunk!.edges.map((edge) => [describe(edge), edge.peerProcessId, sent.get(edge.edge)]), [
    ["serves 10.0.0.9 0 tcp", "", 6n],
    ["calls 10.0.0.7:5432 5432 tcp", "", 4n],
    ["calls 10.0.0.7:5433 5433 tcp", "", 5n],
    ["calls [2001:db8::7]:5432 5432 tcp", "", 6n],
    ["serves 2001:db8::9 0 tcp", "", 7n],
    ["calls [::1]:80 80 udp", "", 8n],
    ["calls 127.0.0.1 0 tcp", "", 19n],
    ["calls (unknown) 0 tcp", helper.id, 11n],
    ["calls (unknown) 0 tcp", other.id, 12n],
    ["calls (all others) 0 tcp", "", 27n],
  ]);
  assert.equal(chunk!.loss?.merged, 2n);
  assert.deepEqual(
    chunk!.processes.map(({ processId, name, covered }) => [processId, name, covered]),
    [[shop.id, "shopd", true], [helper.id, "helper", true], [other.id, "other", false]],
  );
  assert.deepEqual([chunk!.number, chunk!.seconds, chunk!.limits], [0, 2, [...networkLimits]]);
  // What is known is not said again but when it changes.
  const [next] = write(chunks, flush(4, [bytes({ peerAddress: "10.0.0.7:5432", isTls: true }, 1)]));
  assert.deepEqual(next?.edges.map((edge) => [edge.edge, edge.tls]), [[2, true]]);
  assert.deepEqual([next?.number, next?.processes, next?.limits], [1, [], []]);
});

Deno.test("NetworkChunks covers every second once, through silence, late data and the end", () => {
  const chunks = new NetworkChunks(task);
  const peer = ends({ peerAddress: "10.0.0.7:80" });
  const request = {
    ...{
      ends: peer,
      latencyMs: 250,
      waitNs: 250_000_000n,
      reason: SampleReason.SLOW,
      path: "/",
      status: 200,
    },
    ...{ complete: true, traceId: "", traceHeader: 0 },
  };
  const written = [
    ...write(chunks, flush(2, [[peer, "sentBytes", 10]])),
    ...write(chunks, flush(3.9, [[peer, "sentBytes", 21]])),
    // A request that comes apart, a flush of the past, and silence of 3 minutes.
    ...write(chunks, { ...flush(5, []), samples: [{ ...request, atMs: startMs + 5_000 }] }),
    ...write(chunks, flush(3, [[peer, "sentBytes", 1]]), startMs + 6_000),
    ...write(chunks, flush(184, [[peer, "sentBytes", 50]])),
    ...chunks.finish(startMs + 200_000),
  ];
  assert.deepEqual(written.map(({ number }) => number), [0, 1, 2, 3, 4, 5, 6, 7]);
  const spans = written.map(({ startUnixMs, seconds }) => [Number(startUnixMs) - startMs, seconds]);
  assert.deepEqual(spans, [
    ...[[0, 2], [2_000, 2], [3_000, 1], [2_000, 1]],
    ...[[4_000, 60], [64_000, 60], [124_000, 60], [184_000, 16]],
  ]);
  assert.deepEqual(written.map(({ last }) => last), [...new Array(7).fill(false), true]);
  const profile = merge(written);
  assert.deepEqual([profile.seconds, profile.observedSeconds, profile.missingChunks], [200, 200, 0]);
  const bytes = [...profile.secondBytes.entries()].filter(([, count]) => count > 0n);
  assert.deepEqual(bytes, [
    ...[[0, 5n], [1, 5n], [2, 11n], [3, 11n]],
    ...[179, 180, 181, 182, 183].map((second) => [second, 10n]),
  ]);
  assert.deepEqual(profile.samples.map(({ startedUnixUs }) => Number(startedUnixUs) / 1000 - startMs), [
    4_750,
  ]);
});

Deno.test("NetworkChunks moves an agent's clock into the task's time", () => {
  for (const wrongMs of [-3_600_000, 3_600_000]) {
    const chunks = new NetworkChunks(task);
    const peer = ends({ peerAddress: "10.0.0.7:80" });
    const written = [2, 4, 6].flatMap((second) => {
      const sent = flush(second, [[peer, "sentBytes", 8]]);
      return write(chunks, { ...sent, atMs: sent.atMs + wrongMs }, startMs + second * 1000 + 50);
    });
    const { seconds, observedSeconds, secondBytes } = merge(written);
    assert.ok(seconds >= 4 && seconds <= 7 && observedSeconds === seconds, `${seconds} s`);
    assert.equal(secondBytes.reduce((sum, bytes) => sum + bytes, 0n), 24n);
  }
  // Of an agent that was away the first comes when the task has begun here, and the others at once.
  const queued = new NetworkChunks(task);
  const peer = ends({ peerAddress: "10.0.0.7:80" });
  const late = [-495, -490, -485].flatMap((second) =>
    write(queued, flush(second, [[peer, "sentBytes", 8]]), startMs + 1_000)
  );
  assert.deepEqual(late.map(({ seconds }) => seconds), [1, 4, 5]);
  // A clock that is set back by an hour goes on where it was, also after a restart.
  const back = write(queued, flush(-4_000, [[peer, "sentBytes", 8]]), startMs + 12_000);
  assert.deepEqual(back.map(({ startUnixMs, seconds }) => [Number(startUnixMs) - startMs, seconds]), [[
    5_000,
    5,
  ]]);
  const again = new NetworkChunks(task);
  for (const chunk of [...late, ...back]) again.resume(chunk);
  const [next] = write(again, flush(-3_998, [[peer, "sentBytes", 8]]), startMs + 14_000);
  assert.deepEqual([Number(next?.startUnixMs) - startMs, next?.seconds], [10_000, 4]);
  const mad = write(new NetworkChunks(task), { ...flush(0, []), atMs: 2 ** 63, invalid: 1 }, startMs + 1e12);
  assert.deepEqual([mad.length, mad.at(-1)?.loss?.droppedRows], [11, 1n]);
});

Deno.test("NetworkChunks gives 3,500 edges a place, the rest one a process and side, and goes on after a restart", () => {
  const chunks = new NetworkChunks(task);
  const peers = Array.from({ length: 10_000 }, (_, index) => {
    const peerAddress = `10.${index >> 16}.${index >> 8 & 255}.${index & 255}:80`;
    return [ends({ peerAddress, isTls: true }), "sentBytes", 1_000_000_007] as const;
  });
  const written = write(chunks, flush(5, peers));
  const profile = merge(written);
  assert.deepEqual([profile.edges.length, profile.edges.filter(({ merged }) => merged).length], [3_501, 1]);
  assert.deepEqual([profile.loss?.merged, profile.observedSeconds], [6_500n, 5]);
  assert.equal(profile.totals.reduce((sum, { sentBytes }) => sum + sentBytes, 0n), 10_000_000_070_000n);
  // Ids that are none of a process's, of which each wants an edge for all its peers.
  const processes = Array.from({ length: 300 }, (_, index) => {
    return [ends({ processId: `p-${index}`, peerAddress: "10.0.0.1:80" }), "sentBytes", 1] as const;
  });
  assert.equal(write(chunks, flush(7, processes)).at(-1)?.loss?.droppedRows, 45n);

  const again = new NetworkChunks(task);
  for (const chunk of written) again.resume(chunk);
  const [next] = write(again, flush(7, [peers[3]!, [ends({ isServer: true }), "sentBytes", 1]]));
  assert.deepEqual([next?.number, next?.seconds, next?.limits], [written.length, 2, []]);
  const known = profile.edges.find((edge) => formatPeer({ ...edge, isServer: false }) === "10.0.0.3:80")
    ?.edge;
  assert.deepEqual([...new Set(next?.traffic.map(({ edge }) => edge))], [known, 3_502]);
  assert.deepEqual(next?.edges.map(({ merged, role }) => [merged, role]), [[true, NetworkRole.SERVER]]);
  assert.deepEqual(new NetworkChunks(task).finish(startMs + 5_000), []);
});

Deno.test("NetworkChunks says everything again once a minute of flushes, and keeps 1,000 samples at once", () => {
  const chunks = new NetworkChunks(task);
  const peer = ends({ peerAddress: "10.0.0.7:80" });
  const said = Array.from({ length: 60 }, (_, index) => {
    const [chunk] = write(chunks, flush(2 + 2 * index, [[peer, "sentBytes", 10]]));
    return chunk!.edges.length;
  });
  assert.deepEqual([...said.entries()].filter(([, edges]) => edges > 0).map(([index]) => index), [0, 29, 59]);
  const sample = {
    ...{
      atMs: 2 ** 63,
      ends: peer,
      latencyMs: 5,
      waitNs: 5_000_000n,
      reason: SampleReason.SLOW,
      path: "/",
      status: 200,
    },
    ...{ complete: true, traceId: "", traceHeader: 0 },
  };
  const [many] = write(chunks, { ...flush(130, []), samples: new Array(1_500).fill(sample) });
  assert.deepEqual([many?.samples.length, many?.loss?.lostSamples], [1_000, 500n]);
});
