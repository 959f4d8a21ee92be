/** Protocol level, as rover_test.ts: what is sent again after a stream broke or an answer was lost, and a backend that ends. */
import assert from "node:assert/strict";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import type { Commands } from "./oap_messages.ts";
import {
  argument,
  podProcess,
  query,
  report,
  type RoverBackend,
  startRoverBackend,
  tokens,
} from "./rover_backend.ts";
import { RoverPlayer } from "./rover_player.ts";
import { fold, onCpu, stacks } from "./rover_stacks.ts";

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { service: shop }
rules: [{ metric: process_cpu, threshold: 80%, period: 10s, count: 5 }]
start: [on_cpu, off_cpu]
`;
const names = { layer: "MESH", serviceName: "shop", instanceName: "shop-pod", processName: "shopd" };
const collect = ["EBPFProfilingService", "collectProfilingData"] as const;

/** Reports a task, as an agent does whose policy tripped. */
async function trip(player: RoverPlayer, target: object): Promise<string> {
  const causes = [{ type: "ProcessCPU", singleValue: { threshold: 80, current: 93.5 } }];
  const { commands } = await player.call<Commands>("ContinuousProfilingService", "reportProfilingTask", {
    ...{ ...names, causes, duration: 600, ...target },
  });
  return argument(commands[0]!, "TaskId");
}

async function readProfile(backend: RoverBackend, taskId: string, kind = ProfileKind.ON_CPU) {
  const { profile } = await backend.client(TaskService).getProfile({ taskId, kind });
  assert.equal(profile?.missingChunks, 0);
  return profile!;
}

function sum(weights: readonly bigint[]): bigint {
  return weights.reduce((total, weight) => total + weight, 0n);
}

Deno.test("Rover: a stream that broke anywhere and is sent again whole counts once, over ends of the backend too", async () => {
  await using folder = await makeTestFolder("rover");
  let backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop] = await report(player, "run-1", podProcess("shop", 71, "shopd"));
  await backend.client(PolicyService).applyPolicies({ source: policy });
  await query(player, { shop: "" });
  const id = await trip(player, { onCPU: {} });
  // Its answer was lost, and it asks again.
  assert.equal(await trip(player, { onCPU: {} }), id);
  const waits = await trip(player, { offCPU: {} });

  const start = Date.now();
  // Three times of five stacks, one of which is of names over 400 kB; the fourth time is off the CPU.
  const messages = [0, 1, 2].flatMap((time) =>
    [0, 1, 2, 3, 4].map((stack) => ({
      ...stack === 0 && {
        task: {
          ...{ taskId: id, processId: shop, profilingStartTime: start },
          currentTime: start + 5_003 * (time + 1),
        },
      },
      ...onCpu([], [stack === 4 ? `long-${time}-`.repeat(60_000) : `leaf-${stack}`, "main"], 7 + stack),
    }))
  );
  const all = [...messages, {
    task: { taskId: waits, processId: shop, profilingStartTime: start, currentTime: start + 5_000 },
    offCPU: { stacks: stacks(["schedule"], ["read"]), switchCount: 4, duration: 123_456_789 },
  }];
  const expected = 3n * (7n + 8n + 9n + 10n + 11n);
  const check = async () => {
    const profile = await readProfile(backend, id);
    assert.deepEqual([sum(profile.sampleWeights), profile.loss?.taken], [expected, expected]);
    assert.equal(sum(profile.secondWeights), expected);
    // 45 of each five seconds.
    assert.deepEqual(profile.secondWeights, new Array<bigint>(15).fill(9n));
    assert.equal(fold(profile).size, 4 + 3);
    const blocked = await readProfile(backend, waits, ProfileKind.OFF_CPU);
    assert.deepEqual([sum(blocked.sampleWeights), sum(blocked.sampleWaits)], [123_456_789n, 4n]);
    const { task } = await backend.client(TaskService).getTask({ id });
    return task;
  };
  for (const count of [1, 4, 6, 11, 13, 15]) {
    assert.equal((await player.end(...collect, all.slice(0, count), { breaks: true })).code, 1);
  }
  await player.call(...collect, ...all);
  await check();
  // An agent that goes away is no error of the backend.
  assert.deepEqual(backend.process.lines.filter((line) => / level=error /.test(line)), []);
  await player.call(...collect, ...all);
  // On two connections at once.
  await Promise.all([player.call(...collect, ...all), player.call(...collect, ...all)]);
  await check();

  for (let restart = 0; restart < 2; restart++) {
    await backend[Symbol.asyncDispose]();
    backend = await startRoverBackend(folder.path, backend.grpcPort);
    await using again = await RoverPlayer.start(backend.grpcPort, tokens.agent);
    await again.end(...collect, all.slice(0, 6), { breaks: true });
    await again.call(...collect, ...all);
    await check();
  }
  await backend[Symbol.asyncDispose]();
});

Deno.test("Rover: a task by hand that was not asked for yet is offered after an end of the backend, and goes on after another", async () => {
  await using folder = await makeTestFolder("rover");
  await using first = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(first.grpcPort, tokens.agent);
  const [shop = ""] = await report(player, "run-1", podProcess("shop", 71, "shopd"));
  const wish = { processIds: [shop], durationSeconds: 60, kinds: [ProfileKind.ON_CPU, ProfileKind.OFF_CPU] };
  const { tasks: [asked] } = await first.client(TaskService).startTask(wish);
  const id = asked!.taskId;
  const readTask = async (backend: RoverBackend) => (await backend.client(TaskService).getTask({ id })).task!;
  assert.match((await readTask(first)).message, /has not asked for it yet/);
  await first[Symbol.asyncDispose]();

  await using second = await startRoverBackend(folder.path, first.grpcPort);
  const ask = async (latestUpdateTime: number) => {
    await using again = await RoverPlayer.start(first.grpcPort, tokens.agent);
    const about = { roverInstanceId: "run-1", latestUpdateTime };
    return (await again.call<Commands>("EBPFProfilingService", "queryTasks", about)).commands;
  };
  const commands = await ask(0);
  assert.deepEqual(commands.map((command) => [argument(command, "TaskId"), argument(command, "ProcessId")]), [
    ...[[`${id}-on`, shop], [`${id}-off`, shop]],
  ]);
  assert.equal((await readTask(second)).message, "");
  const [updated] = commands.map((command) => Number(argument(command, "TaskUpdateTime")));
  assert.deepEqual(await ask(updated!), []);
  // It is begun, so that none that a policy wants is taken for it.
  await second.client(PolicyService).applyPolicies({ source: policy });
  await second[Symbol.asyncDispose]();

  await using third = await startRoverBackend(folder.path, first.grpcPort);
  assert.deepEqual(await ask(updated!), []);
  await using last = await RoverPlayer.start(first.grpcPort, tokens.agent);
  assert.notEqual(await trip(last, { onCPU: {} }), id);
  const start = Date.now();
  const about = { processId: shop, profilingStartTime: start, currentTime: start + 5_000 };
  await last.call(
    ...collect,
    { task: { ...about, taskId: `${id}-on` }, ...onCpu([], ["a", "main"], 10) },
    {
      task: { ...about, taskId: `${id}-off` },
      offCPU: { stacks: stacks(["schedule"], []), switchCount: 5, duration: 50 },
    },
  );
  assert.deepEqual((await readProfile(third, id)).secondWeights, [2n, 2n, 2n, 2n, 2n]);
  const { secondWeights, secondWaits } = await readProfile(third, id, ProfileKind.OFF_CPU);
  assert.deepEqual([secondWeights, secondWaits], [[10n, 10n, 10n, 10n, 10n], [1n, 1n, 1n, 1n, 1n]]);
});

Deno.test("Rover: meters that are sent again are there once", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop = ""] = await report(player, "run-1", podProcess("shop", 71, "shopd"));
  const start = Math.floor(Date.now() / 1000) * 1000 - 30_000;
  const labels = [{ name: "process_name", value: "shopd" }, { name: "layer", value: "MESH" }];
  const meter = (name: string, second: number, value: number, more: object[] = []) => ({
    singleValue: { name, labels: [...labels, ...more], value },
    ...{ service: "shop", serviceInstance: "shop-pod", timestamp: start + second * 1000 },
  });
  const pay = [{ name: "uri", value: "/pay" }];
  const meterData = [0, 5, 10].flatMap((second) => [
    meter("rover_con_p_process_cpu", second, 40 + second),
    meter("rover_con_p_system_load", second, second / 4),
    meter("rover_con_p_http_avg_response_time", second, 100 + second, pay),
    meter("rover_con_p_http_avg_response_time", second + 1, 200 + second, pay),
  ]);
  const send = (data: readonly object[]) =>
    player.call("MeterReportService", "collectBatch", { meterData: data });
  const queries = backend.client(QueryService);
  const read = async () => {
    const { series } = await queries.getProcess({ id: shop });
    const range = { fromUnixMs: BigInt(start - 10_000), toUnixMs: BigInt(start + 20_000) };
    const answer = await queries.queryMetrics({ agentId: "rover-10.0.0.7", series, ...range });
    return answer.series.map(({ series, mean, min, max }) => ({ metric: series?.metric, mean, min, max }));
  };
  for (const data of [meterData.slice(0, 4), meterData.slice(4)]) await send(data);
  const once = await read();
  assert.equal(once.length, 3);
  // The whole, in other pieces, in another order, and while the backend has it under way already.
  await send(meterData);
  await Promise.all([send(meterData.slice(0, 7)), send(meterData.slice(5))]);
  await player.end("MeterReportService", "collectBatch", [{ meterData: meterData.slice(0, 3) }], {
    breaks: true,
  });
  await send(meterData.toReversed());
  assert.deepEqual(await read(), once);
  // What came before a stream broke is there.
  const last = { meterData: [meter("rover_con_p_process_cpu", 15, 99)] };
  await player.end("MeterReportService", "collectBatch", [last], { breaks: true });
  const cpu = await waitFor(async () => {
    const found = (await read()).find(({ metric }) => metric === "process_cpu");
    return found?.mean.at(-1) === 99 ? found : undefined;
  }, 5);
  assert.deepEqual(cpu?.mean, [
    40,
    ...new Array(5).fill(45),
    ...new Array(5).fill(50),
    ...new Array(5).fill(99),
  ]);
});
