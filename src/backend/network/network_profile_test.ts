import { type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { AgentService } from "../../gen/stakeout/v1/agent_service_pb.ts";
import {
  type NetworkChunk,
  NetworkChunkSchema,
  NetworkProfileSchema,
} from "../../gen/stakeout/v1/network_pb.ts";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../gen/stakeout/v1/task_service_pb.ts";
import { sampleFarChunk, sampleNetworkChunk, sampleRequests } from "../sample_network.ts";
import { sampleAgent, sampleChunk, sampleTask, sampleTaskId } from "../sample_records.ts";
import { startTestBackend, testTokens } from "../testing.ts";

const startMs = systemClock.nowUnixMs() - 60_000;
const farTaskId = "b".repeat(32);

type Test = Awaited<ReturnType<typeof startTestBackend>>;

function network(sequence: number, value: MessageInitShape<typeof NetworkChunkSchema>) {
  return { sequence: BigInt(sequence), body: { case: "network" as const, value } };
}

async function report(test: Test, ...records: MessageInitShape<typeof NetworkChunkSchema>[]) {
  const agent = test.client(AgentService, testTokens.agent);
  return await agent.report({
    agent: sampleAgent(),
    records: [sampleTask(1, { startMs }), ...records.map((record, index) => network(index + 2, record))],
  });
}

function hasCode(code: Code): (error: unknown) => boolean {
  return (error) => error instanceof ConnectError && error.code === code;
}

function chunk(number: number): NetworkChunk {
  return sampleNetworkChunk({ number, startMs });
}

Deno.test("getNetworkProfile() sums chunks, each taken in once, whole or over a range", async () => {
  await using test = await startTestBackend();
  await report(test, chunk(0), chunk(1));
  await report(test, chunk(0), chunk(1));
  const tasks = test.client(TaskService, testTokens.viewer);
  const { kinds } = await tasks.getTask({ id: sampleTaskId });
  assert.deepEqual(kinds, [ProfileKind.NETWORK]);
  const { profile } = await tasks.getNetworkProfile({ taskId: sampleTaskId });
  assert.deepEqual(profile?.totals.map(({ edge, sentBytes }) => [edge, sentBytes]), [
    [1, 100_000n],
    [2, 5_000n],
    [3, 600n],
  ]);
  assert.equal(profile?.pathTotals[0]?.http?.requests, BigInt(10 * sampleRequests));
  assert.deepEqual([profile?.seconds, profile?.traffic, profile?.dns[0]?.dns?.requests], [10, [], 20n]);
  assert.equal(profile?.observedSeconds, 10);
  assert.deepEqual(profile?.secondRequests, new Array(10).fill(BigInt(sampleRequests)));
  const part = await tasks.getNetworkProfile({ taskId: sampleTaskId, fromSecond: 3, toSecond: 6 });
  assert.equal(part.profile?.pathTotals[0]?.http?.requests, BigInt(3 * sampleRequests));
  const { seconds, observedSeconds, secondBytes } = part.profile!;
  assert.deepEqual([seconds, observedSeconds, secondBytes.length], [3, 3, 10]);
});

Deno.test("getNetworkProfile() that is asked again has what came since, as if it had never been asked", async () => {
  await using test = await startTestBackend();
  await report(test, chunk(0));
  const tasks = test.client(TaskService, testTokens.viewer);
  const parts = [{}, { edges: [1, 3] }, { fromSecond: 3, toSecond: 8 }];
  const ask = async () =>
    await Promise.all(parts.map(async (part) => {
      const { profile } = await tasks.getNetworkProfile({ taskId: sampleTaskId, ...part });
      return toJsonString(NetworkProfileSchema, profile!);
    }));
  await ask();
  await ask();
  const agent = test.client(AgentService, testTokens.agent);
  await agent.report({ agent: sampleAgent(), records: [network(10, chunk(1)), network(11, chunk(3))] });
  const again = await ask();

  await using other = await startTestBackend();
  await report(other, chunk(0), chunk(1), chunk(3));
  const fresh = other.client(TaskService, testTokens.viewer);
  for (const [index, part] of parts.entries()) {
    const { profile } = await fresh.getNetworkProfile({ taskId: sampleTaskId, ...part });
    assert.equal(again[index], toJsonString(NetworkProfileSchema, profile!));
  }
});

Deno.test("getNetworkProfile() of some edges has what is theirs alone, second by second", async () => {
  await using test = await startTestBackend();
  await report(test, chunk(0), chunk(1));
  const tasks = test.client(TaskService, testTokens.viewer);
  const { profile } = await tasks.getNetworkProfile({ taskId: sampleTaskId, edges: [2] });
  assert.deepEqual(profile?.edges.map(({ edge }) => edge), [2]);
  assert.deepEqual(profile?.traffic.map(({ second }) => second), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([profile?.stepSeconds, profile?.paths, profile?.samples, profile?.dns], [1, [], [], []]);
});

Deno.test("getNetworkProfile() tells how the other end saw it in the same time, if that is watched, too", async () => {
  await using test = await startTestBackend();
  await report(test, chunk(0), chunk(1));
  // The other host's task began five seconds later.
  const laterMs = startMs + 5_000;
  await test.client(AgentService, testTokens.agent).report({
    agent: sampleAgent("agent-2"),
    records: [
      sampleTask(1, { agentId: "agent-2", id: farTaskId, startMs: laterMs }),
      network(2, sampleFarChunk({ number: 0, startMs: laterMs, taskId: farTaskId })),
    ],
  });
  const tasks = test.client(TaskService, testTokens.viewer);
  const { profile } = await tasks.getNetworkProfile({ taskId: sampleTaskId });
  const [end] = profile!.farEnds;
  assert.deepEqual([end?.edges, end?.taskId, end?.host], [[2], farTaskId, "host-of-agent-2"]);
  assert.deepEqual(end?.processes.map(({ name }) => name), ["bankd"]);
  assert.deepEqual([end?.total?.receivedBytes, end?.total?.open, end?.observedSeconds], [2_500n, 1, 5]);
  const part = await tasks.getNetworkProfile({ taskId: sampleTaskId, fromSecond: 7, toSecond: 9 });
  assert.equal(part.profile?.farEnds[0]?.total?.receivedBytes, 1_000n);
  const before = await tasks.getNetworkProfile({ taskId: sampleTaskId, fromSecond: 1, toSecond: 4 });
  assert.deepEqual(before.profile?.farEnds, []);
  const { profile: back } = await tasks.getNetworkProfile({ taskId: farTaskId });
  assert.deepEqual([back?.farEnds[0]?.edges, back?.farEnds[0]?.total?.retransmits], [[9], 1]);
});

Deno.test("a network chunk that breaks a limit is refused for good, and the others are taken", async () => {
  await using test = await startTestBackend();
  const bad: [MessageInitShape<typeof NetworkChunkSchema>, RegExp][] = [
    [{ taskId: "x" }, /task id/],
    [{ seconds: 61 }, /too many seconds/],
    [{ traffic: [{ edge: 1, second: 5 }] }, /second beyond its chunk/],
    [{ pathTraffic: [{ pathNumber: 1, second: 5 }] }, /second beyond its chunk/],
    [{ edges: [{ edge: 1, remoteAddress: new Uint8Array(5) }] }, /address/],
    [{ paths: [{ edge: 1, pathNumber: 1, path: "p".repeat(513) }] }, /text over/],
    [{ traffic: [{ edge: 1, http: { bucketNumbers: [192], bucketCounts: [1n] } }] }, /histogram/],
    [{ dns: [{ edge: 1, dns: { bucketNumbers: [1] } }] }, /histogram/],
    [{ samples: new Array(6_000).fill({ path: "p".repeat(200) }) }, /1 MiB/],
  ];
  const base = { taskId: sampleTaskId, startUnixMs: BigInt(startMs), seconds: 5 };
  const { refusals } = await report(test, ...bad.map(([rest]) => ({ ...base, ...rest })), chunk(0));
  assert.equal(refusals.length, bad.length);
  for (const [index, { reason }] of refusals.entries()) assert.match(reason, bad[index]![1]);
  const tasks = test.client(TaskService, testTokens.viewer);
  assert.equal((await tasks.getNetworkProfile({ taskId: sampleTaskId })).profile?.edges.length, 3);
});

Deno.test("a network profile is asked for by its own method, and exported as JSON alone", async () => {
  await using test = await startTestBackend();
  await report(test, chunk(0));
  const tasks = test.client(TaskService, testTokens.viewer);
  const task = { taskId: sampleTaskId };
  const many = Array.from({ length: 65 }, (_, edge) => edge);
  await assert.rejects(tasks.getNetworkProfile({ ...task, edges: many }), hasCode(Code.InvalidArgument));
  const kind = ProfileKind.NETWORK;
  await assert.rejects(tasks.getProfile({ ...task, kind }), hasCode(Code.InvalidArgument));
  const range = { fromSecond: 5, toSecond: 5 };
  await assert.rejects(tasks.getNetworkProfile({ ...task, ...range }), hasCode(Code.InvalidArgument));
  await assert.rejects(tasks.getNetworkProfile({ taskId: farTaskId }), hasCode(Code.NotFound));

  const authorization = `Bearer ${testTokens.viewer}`;
  const path = `/api/v1/tasks/${sampleTaskId}/profile`;
  const response = await test.get(path, { authorization });
  assert.match(response.headers.get("content-disposition") ?? "", /\.network\.json"$/);
  const { edges } = await response.json();
  assert.deepEqual(
    edges.map(({ peer, name, tls }: { peer: string; name: string; tls: boolean }) => [name, peer, tls]),
    [["proxy", "127.0.0.1", false], ["proxy", "10.0.0.7:443", true], ["proxy", "10.0.0.53:53", false]],
  );
  assert.equal(edges[0].paths[0].requests, 5 * sampleRequests);
  const wrong = await test.get(`${path}?kind=network&format=pprof`, { authorization });
  assert.deepEqual([wrong.status, /use json/.test(await wrong.text())], [400, true]);
});

Deno.test("stacks do not come in a chunk of the network kind", async () => {
  await using test = await startTestBackend();
  const record = sampleChunk(2, { number: 0, startMs });
  assert.ok(record.body.case === "profile");
  record.body.value.kind = ProfileKind.NETWORK;
  const agent = test.client(AgentService, testTokens.agent);
  const { refusals } = await agent.report({ agent: sampleAgent(), records: [record] });
  assert.match(refusals[0]?.reason ?? "", /stacks/);
});
