import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../lib/clock.ts";
import {
  AgentService,
  AgentStatusSchema,
  HttpTrafficSchema,
  PolicySetSchema,
  type WatchResponse,
} from "../gen/stakeout/v1/agent_service_pb.ts";
import { PolicyService } from "../gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind, RefusalSchema, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../gen/stakeout/v1/task_service_pb.ts";
import {
  sampleAgent,
  sampleChunk,
  sampleInventory,
  sampleMetrics,
  sampleTask,
  sampleTaskId,
} from "./sample_records.ts";
import { startTestBackend, testTokens } from "./testing.ts";

const hotPolicy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { service: check* }
rules: [{ metric: process_cpu, threshold: 80%, period: 10s, count: 5 }]
start: [on_cpu]
`;

function hasCode(code: Code): (error: unknown) => boolean {
  return (error) => error instanceof ConnectError && error.code === code;
}

async function next(responses: AsyncIterator<WatchResponse>): Promise<WatchResponse> {
  const { value, done } = await responses.next();
  assert.ok(!done);
  return value;
}

Deno.test("report() stores what a page then shows", async () => {
  await using test = await startTestBackend();
  const agent = test.client(AgentService, testTokens.agent);
  const startMs = systemClock.nowUnixMs() - 30_000;
  const records = [
    sampleInventory(1, 23),
    sampleMetrics(2, { startMs, seconds: 5, value: 82.5 }),
    sampleTask(3, { startMs }),
    sampleChunk(4, { number: 0, startMs }),
    sampleChunk(5, { number: 1, startMs }),
  ];
  const { acknowledgedSequence, refusals } = await agent.report({ agent: sampleAgent(), records });
  assert.deepEqual({ acknowledgedSequence, refusals }, { acknowledgedSequence: 5n, refusals: [] });

  const query = test.client(QueryService, testTokens.viewer);
  const overview = await query.getOverview({});
  assert.equal(overview.agents[0]?.agent?.host, "host-of-agent-1");
  assert.equal(overview.agents[0]?.connected, true);
  assert.equal(overview.busiest[0]?.process?.name, "worker-22");
  assert.deepEqual(overview.services.map(({ service, processes }) => [service, processes]), [
    ["checkout", 12],
    ["billing", 11],
  ]);
  assert.equal(overview.runningTasks, 1);

  const page = await query.getProcess({ id: "p-0" });
  assert.deepEqual(page.series.map(({ metric }) => metric), ["process_cpu"]);
  assert.equal(page.tasks[0]?.id, sampleTaskId);
  const metrics = await query.queryMetrics({
    agentId: "agent-1",
    series: page.series,
    fromUnixMs: BigInt(startMs - 1000),
    toUnixMs: BigInt(startMs + 10_000),
  });
  assert.equal(metrics.stepSeconds, 1);
  assert.deepEqual(metrics.series[0]?.mean, [82.5, 82.5, 82.5, 82.5, 82.5]);

  const tasks = test.client(TaskService, testTokens.viewer);
  const { profile } = await tasks.getProfile({ taskId: sampleTaskId, kind: ProfileKind.ON_CPU });
  assert.deepEqual(profile?.sampleWeights, [70n]);
  assert.deepEqual(profile?.loss?.taken, 74n);
  const folded = await test.get(`/api/v1/tasks/${sampleTaskId}/profile?format=folded`, {
    authorization: `Bearer ${testTokens.viewer}`,
  });
  assert.equal(await folded.text(), "main;leaf 70\n");
});

Deno.test("report() stores each record once when a batch is sent again", async () => {
  await using test = await startTestBackend();
  const agent = test.client(AgentService, testTokens.agent);
  const startMs = systemClock.nowUnixMs() - 30_000;
  const batch = {
    agent: sampleAgent(),
    records: [sampleTask(1, { startMs }), sampleChunk(2, { number: 0, startMs })],
  };
  await agent.report(batch);
  const again = await agent.report(batch);
  assert.equal(again.acknowledgedSequence, 2n);
  // A record under a number that is stored is old, whatever it says.
  const late = sampleTask(1, { startMs, state: TaskState.FAILED });
  assert.equal((await agent.report({ agent: sampleAgent(), records: [late] })).acknowledgedSequence, 2n);
  const tasks = test.client(TaskService, testTokens.viewer);
  const { task, profileBytes } = await tasks.getTask({ id: sampleTaskId });
  assert.equal(task?.state, TaskState.RUNNING);
  const newer = sampleTask(3, { startMs, state: TaskState.DONE });
  await agent.report({ agent: sampleAgent(), records: [newer] });
  const after = await tasks.getTask({ id: sampleTaskId });
  assert.equal(after.task?.state, TaskState.DONE);
  assert.equal(after.profileBytes, profileBytes);
  assert.equal((await tasks.listTasks({})).total, 1);
});

Deno.test("report() refuses records that make no sense by their number and takes the others", async () => {
  await using test = await startTestBackend();
  const agent = test.client(AgentService, testTokens.agent);
  const unknown = sampleTask(1);
  unknown.body = { case: undefined };
  const ahead = sampleMetrics(2, { startMs: systemClock.nowUnixMs() + 7_200_000 });
  const foreign = sampleTask(3, { agentId: "agent-2" });
  const good = sampleTask(4);
  const { acknowledgedSequence, refusals } = await agent.report({
    agent: sampleAgent(),
    records: [unknown, ahead, foreign, good],
  });
  assert.equal(acknowledgedSequence, 4n);
  assert.deepEqual(refusals.map(({ sequence, reason }) => [sequence, reason]), [
    [1n, "unknown kind of record; the server may be older than the agent"],
    [2n, "time over an hour ahead; set the clocks of both hosts"],
    [3n, "task of another agent"],
  ]);
  assert.equal((await test.client(TaskService, testTokens.viewer).listTasks({})).total, 1);
});

Deno.test("report() refuses a bound token for another agent and sequences that do not ascend", async () => {
  await using test = await startTestBackend();
  const bound = test.client(AgentService, testTokens.boundAgent);
  await bound.report({ agent: sampleAgent("bound"), records: [] });
  await assert.rejects(bound.report({ agent: sampleAgent(), records: [] }), hasCode(Code.PermissionDenied));
  const shared = test.client(AgentService, testTokens.agent);
  const records = [sampleTask(2), sampleTask(2)];
  await assert.rejects(shared.report({ agent: sampleAgent(), records }), hasCode(Code.InvalidArgument));
  await assert.rejects(
    shared.report({ agent: sampleAgent("../x"), records: [] }),
    hasCode(Code.InvalidArgument),
  );
});

Deno.test("report() refuses a message that is small on the wire and large in memory", async () => {
  await using test = await startTestBackend();
  const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024), { level: 9 });
  const started = performance.now();
  const response = await fetch(`${test.backend.url}/stakeout.v1.AgentService/Report`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${testTokens.agent}`,
      "content-type": "application/proto",
      "content-encoding": "gzip",
    },
    body: bomb,
  });
  assert.equal((await response.json()).code, "resource_exhausted");
  assert.ok(performance.now() - started < 2_000);
});

Deno.test("watch() gives the policies at once and every change within a second", async () => {
  await using test = await startTestBackend({ heartbeatMs: 150 });
  const ending = new AbortController();
  const agent = test.client(AgentService, testTokens.agent);
  const responses = agent.watch({ agent: sampleAgent() }, { signal: ending.signal })[Symbol.asyncIterator]();
  assert.deepEqual((await next(responses)).event, {
    case: "policies",
    value: create(PolicySetSchema),
  });
  const policies = test.client(PolicyService, testTokens.editor);
  const startedAtMs = performance.now();
  await policies.applyPolicies({ source: hotPolicy });
  let response = await next(responses);
  while (response.event.case === "heartbeat") response = await next(responses);
  assert.ok(performance.now() - startedAtMs < 1_000);
  assert.ok(response.event.case === "policies");
  assert.equal(response.event.value.policies[0]?.source, hotPolicy);
  assert.equal(response.setVersion, 1n);
  assert.equal((await next(responses)).event.case, "heartbeat");
  await policies.setPolicyPaused({ name: "hot", paused: true });
  response = await next(responses);
  while (response.event.case === "heartbeat") response = await next(responses);
  assert.ok(response.event.case === "policies");
  assert.match(response.event.value.policies[0]?.source ?? "", /paused: true/);

  await agent.report({ agent: sampleAgent(), records: [sampleTask(1)] });
  await test.client(TaskService, testTokens.editor).stopTask({ id: sampleTaskId });
  response = await next(responses);
  while (response.event.case === "heartbeat") response = await next(responses);
  assert.deepEqual(response.event.case === "stopTask" && response.event.value.taskId, sampleTaskId);
  ending.abort();
  await assert.rejects(responses.next(), hasCode(Code.Canceled));
});

Deno.test("getPolicy() joins agents' answers, values, trips and those that were refused", async () => {
  await using test = await startTestBackend();
  const policies = test.client(PolicyService, testTokens.editor);
  await policies.applyPolicies({ source: hotPolicy });
  const agent = test.client(AgentService, testTokens.agent);
  const status: MessageInitShape<typeof AgentStatusSchema> = {
    setVersion: 1n,
    matches: [{ policy: "hot", processIds: ["p-0", "p-2"] }],
    refused: [{ policy: "hot", path: "start[0]", reason: "no perf events here" }],
  };
  const startMs = systemClock.nowUnixMs() - 5_000;
  const statusRecord = sampleTask(2);
  statusRecord.body = { case: "status", value: create(AgentStatusSchema, status) };
  await agent.report({
    agent: sampleAgent(),
    records: [
      ...[sampleInventory(1, 4), statusRecord, sampleMetrics(3, { startMs, value: 91 }), sampleTask(4)],
      ...["hot", "warm", "hot"].map((policy, index) => sampleRefusal(5 + index, policy, startMs + index)),
    ],
  });
  const { summary, agents, processes, processesTotal, versions, recentRefusals } = await policies.getPolicy({
    name: "hot",
  });
  assert.deepEqual(
    recentRefusals.map(({ policy, firstAtUnixMs }) => [policy, Number(firstAtUnixMs) - Math.round(startMs)]),
    [["hot", 2], ["hot", 0]],
  );
  assert.deepEqual([summary?.trips, summary?.matchedProcesses, summary?.refusals], [1, 2, 1]);
  assert.deepEqual(
    agents.map(({ upToDate, connected, refused }) => [upToDate, connected, refused[0]?.path]),
    [
      [true, true, "start[0]"],
    ],
  );
  assert.equal(processesTotal, 2);
  const hot = processes.find(({ process }) => process?.id === "p-0");
  assert.deepEqual(hot?.values.map(({ metric, value, threshold }) => [metric, value, threshold]), [
    ["process_cpu", 91, 80],
  ]);
  assert.equal(hot?.trips, 1);
  assert.deepEqual(versions.map(({ version, change }) => [version, change]), [[1, "created"]]);
  const check = await policies.checkPolicy({ source: hotPolicy.replace("80%", "0%") });
  assert.deepEqual([check.problems.length, check.problems[0]?.path], [1, "rules[0].threshold"]);
});

function sampleRefusal(sequence: number, policy: string, atMs: number) {
  const at = BigInt(Math.round(atMs));
  const refusal = {
    policy,
    processId: "p-0",
    service: "checkout",
    reason: "silence",
    message: "It is silent",
  };
  const record = sampleTask(sequence);
  record.body = {
    case: "refusal",
    value: create(RefusalSchema, { ...refusal, count: 1, firstAtUnixMs: at, lastAtUnixMs: at }),
  };
  return record;
}

Deno.test("HTTP of a process arrives with its page, its paths with the check of a policy, and its news in the feed", async () => {
  await using test = await startTestBackend();
  const agent = test.client(AgentService, testTokens.agent);
  const query = test.client(QueryService, testTokens.viewer);
  await agent.report({ agent: sampleAgent(), records: [sampleInventory(1, 3)] });
  const ending = new AbortController();
  const changes = query.watchChanges({}, { signal: ending.signal })[Symbol.asyncIterator]();
  const first = changes.next();
  const startUnixMs = BigInt(systemClock.nowUnixMs() - 10_000);
  const paths = [{ path: "/api/pay", requests: 29n, errors5xx: 7n, meanMs: 12, maxMs: 40 }];
  const processes = [{
    processId: "p-0",
    requests: 29n,
    errors5xx: 7n,
    inFlight: 2,
    connections: { http: 3n },
    paths,
  }];
  const record = sampleTask(2);
  record.body = { case: "http", value: create(HttpTrafficSchema, { startUnixMs, seconds: 10, processes }) };
  const broken = sampleTask(3);
  const tooMany = Array.from({ length: 66 }, (_, index) => ({ path: `/${index}` }));
  broken.body = {
    case: "http",
    value: create(HttpTrafficSchema, { startUnixMs, seconds: 10, processes: [{ paths: tooMany }] }),
  };
  // The feed is open once the first answer of this is there.
  await query.getOverview({});
  const { refusals } = await agent.report({ agent: sampleAgent(), records: [record, broken] });
  assert.deepEqual(refusals.map(({ reason }) => reason), ["too many paths of a process"]);
  assert.ok((await first).value?.topics.includes("http"));
  ending.abort();
  await assert.rejects(changes.next(), hasCode(Code.Canceled));
  const { http } = await query.getProcess({ id: "p-0" });
  assert.deepEqual(http.map((side) => [side.seconds, side.http?.requests, side.http?.inFlight]), [[
    10,
    29n,
    2,
  ]]);
  assert.deepEqual((await query.getProcess({ id: "p-1" })).http, []);
  const policies = test.client(PolicyService, testTokens.editor);
  const check = await policies.checkPolicy({ source: hotPolicy });
  assert.deepEqual(check.paths.map(({ path, requests }) => [path, requests]), [["/api/pay", 29n]]);
});
