/** Protocol level, as rover_test.ts; the backend is in this process, because its clock is a test's. */
import assert from "node:assert/strict";
import { startTestBackend, testTokens } from "../../src/backend/testing.ts";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind, type Task, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { waitFor } from "../support/wait.ts";
import type { Commands } from "./oap_messages.ts";
import { argument, podProcess, report } from "./rover_backend.ts";
import { flush } from "./rover_network.ts";
import { RoverPlayer } from "./rover_player.ts";

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { service: shop }
rules: [{ metric: process_cpu, threshold: 80%, period: 10s, count: 5 }]
start: [on_cpu]
`;

Deno.test("Rover: processes end without a beat, tasks in their time, and an agent that is silent is away", async () => {
  const startMs = Date.now();
  let nowMs = startMs;
  const clock = { nowUnixMs: () => nowMs };
  await using test = await startTestBackend({ grpcListen: { hostname: "127.0.0.1", port: 0 }, clock });
  await using player = await RoverPlayer.start(test.backend.grpcPort!, testTokens.agent);
  const queries = test.client(QueryService, testTokens.viewer);
  const tasks = test.client(TaskService, testTokens.editor);
  const shop = podProcess("shop", 71, "shopd");
  const workers = [podProcess("work", 81, "worker"), podProcess("work", 82, "worker")];
  const ids = await report(player, "run-1", shop, ...workers);
  assert.equal(new Set(ids).size, 3);
  const living = async () => {
    const { processes } = await queries.listProcesses({});
    return processes.map(({ process }) => process!.pid).toSorted();
  };
  const beat = (...processes: ReturnType<typeof podProcess>[]) =>
    player.call("EBPFProcessService", "keepAlive", {
      processes: processes.map(({ k8sProcess: { entity } }) => ({ entityMetadata: entity })),
      ebpfAgentID: "run-1",
    });
  const untilEnded = (id: string) =>
    waitFor(async (): Promise<Task | undefined> => {
      const { task } = await tasks.getTask({ id });
      return task?.state === TaskState.RUNNING ? undefined : task;
    }, 5);

  // One of the two workers beats no more; a beat does not tell which, so it is the one that was reported first.
  for (let time = 0; time < 3; time++) {
    nowMs += 20_000;
    await beat(shop, workers[0]!);
    assert.deepEqual(await living(), time < 2 ? [71, 81, 82] : [71, 82]);
  }

  await test.client(PolicyService, testTokens.editor).applyPolicies({ source: policy });
  await player.call("ContinuousProfilingService", "queryPolicies", { policies: [{ serviceName: "shop" }] });
  const { entity: { layer, serviceName, instanceName, processName } } = shop.k8sProcess;
  const { commands } = await player.call<Commands>("ContinuousProfilingService", "reportProfilingTask", {
    ...{ layer, serviceName, instanceName, processName, duration: 30, onCPU: {} },
    causes: [{ type: "ProcessCPU", singleValue: { threshold: 80, current: 99 } }],
  });
  const empty = argument(commands[0]!, "TaskId");
  const wish = { processIds: [ids[0]!], kinds: [ProfileKind.ON_CPU], durationSeconds: 300 };
  const unfetched = (await tasks.startTask(wish)).tasks[0]!.taskId;
  nowMs += 20_000;
  await beat(shop);
  nowMs += 21_000;
  await beat(shop);
  assert.equal((await untilEnded(empty))?.message, "SkyWalking's agent has sent no stacks");
  nowMs += 20_000;
  await beat(shop);
  assert.equal(
    (await untilEnded(unfetched))?.message,
    "SkyWalking's agent has not asked for it within a minute",
  );

  const connected = async () => (await queries.getOverview({})).agents[0]?.connected;
  assert.equal(await connected(), true);
  nowMs += 60_000;
  const away = await waitFor(async () => {
    nowMs += 1_000;
    return await connected() ? undefined : "away";
  }, 8);
  assert.equal(away, "away");
  assert.deepEqual(await living(), [71]);
  nowMs += 240_000;
  assert.deepEqual(await waitFor(async () => (await living()).length === 0 ? [] : undefined, 5), []);
  // An agent of ours was away, and sends what it took when its task is long over here.
  for (const [stack, samples] of [["a", 7], ["b", 4], ["a", 7]] as const) {
    await player.call("EBPFProfilingService", "collectProfilingData", {
      task: {
        ...{ taskId: empty, processId: ids[0], profilingStartTime: startMs },
        currentTime: startMs + 5_000,
      },
      onCPU: { stacks: [{ stackType: "PROCESS_USER_SPACE", stackSymbols: [stack] }], dumpCount: samples },
    });
  }
  const { task: late } = await tasks.getTask({ id: empty });
  assert.deepEqual([late?.state, late?.message, late?.loss?.taken], [TaskState.DONE, "", 11n]);
  const { profile } = await tasks.getProfile({ taskId: empty, kind: ProfileKind.ON_CPU });
  assert.deepEqual([profile?.sampleWeights, profile?.missingChunks], [[7n, 4n], 0]);
  // It comes back, and so does its process.
  assert.deepEqual(await report(player, "run-1", shop), [ids[0]]);
  assert.deepEqual([await living(), await connected()], [[71], true]);
});

Deno.test("Rover: a network profile ends in its time with all that came, and one of which nothing came has failed", async () => {
  const startMs = Date.now();
  let nowMs = startMs;
  const clock = { nowUnixMs: () => nowMs };
  await using test = await startTestBackend({ grpcListen: { hostname: "127.0.0.1", port: 0 }, clock });
  await using player = await RoverPlayer.start(test.backend.grpcPort!, testTokens.agent);
  const tasks = test.client(TaskService, testTokens.editor);
  const [shop = ""] = await report(
    player,
    "run-1",
    podProcess("shop", 71, "shopd"),
    podProcess("mail", 72, "maild"),
  );
  const source = policy.replace("service: shop", 'service: "*"').replace("on_cpu", "network");
  await test.client(PolicyService, testTokens.editor).applyPolicies({ source });
  const policies = [{ serviceName: "shop" }, { serviceName: "mail" }];
  await player.call("ContinuousProfilingService", "queryPolicies", { policies });
  const ids: string[] = [];
  for (const [service, processName] of [["shop", "shopd"], ["mail", "maild"]] as const) {
    const names = { layer: "MESH", serviceName: service, instanceName: `${service}-pod`, processName };
    const causes = [{ type: "ProcessCPU", singleValue: { threshold: 80, current: 99 } }];
    const trip = { ...names, causes, duration: 100, network: {} };
    const { commands } = await player.call<Commands>(
      "ContinuousProfilingService",
      "reportProfilingTask",
      trip,
    );
    ids.push(argument(commands[0]!, "TaskId"));
  }
  const connection = {
    ...{ own: shop, peer: ["local", "true"] as const },
    values: { write_bytes: 1_009, write_counts: 11, read_counts: 13 },
  };
  // Its clock is ten minutes ahead of ours.
  for (let time = 0; time < 3; time++) {
    nowMs += 2_000;
    await player.call("MeterReportService", "collectBatch", flush(nowMs + 600_000, "shop", connection));
  }
  nowMs = startMs + 115_000;
  const ended = await waitFor(async () => {
    const all = await Promise.all(ids.map(async (id) => (await tasks.getTask({ id })).task!));
    return all.some(({ state }) => state === TaskState.RUNNING) ? undefined : all;
  }, 5);
  assert.deepEqual(ended?.map(({ state, message }) => [state, message]), [
    [TaskState.DONE, ""],
    [TaskState.FAILED, "SkyWalking's agent has sent nothing of the network"],
  ]);
  assert.deepEqual([ended[0]?.loss?.taken, ended[0]?.loss?.stored], [72n, 72n]);
  const { profile } = await tasks.getNetworkProfile({ taskId: ids[0]! });
  assert.deepEqual([profile?.seconds, profile?.observedSeconds, profile?.missingChunks], [100, 100, 0]);
  const bytes = [...profile!.secondBytes.entries()].filter(([, count]) => count > 0n).map(([second]) =>
    second
  );
  assert.deepEqual(bytes, [0, 1, 2, 3, 4, 5]);
  // An agent that was away sends late what is of the task's time, and again what it got no answer for.
  for (const sentMs of [startMs + 99_000, startMs + 99_000, nowMs, startMs + 2_000]) {
    await player.call("MeterReportService", "collectBatch", flush(sentMs + 600_000, "shop", connection));
  }
  const after = await tasks.getNetworkProfile({ taskId: ids[0]! });
  assert.deepEqual(after.profile?.totals[0]?.sentBytes, 4_036n);
  assert.deepEqual((await tasks.getTask({ id: ids[0]! })).task?.loss?.taken, 96n);
});
