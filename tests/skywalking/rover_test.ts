/**
 * Protocol level: Rover is played with grpc-js on Node against the backend as a process of its own. No real Rover runs here,
 * as it needs Kubernetes.
 */
import assert from "node:assert/strict";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import type { Commands } from "./oap_messages.ts";
import { argument, podProcess, query, report, startRoverBackend, tokens } from "./rover_backend.ts";
import { RoverPlayer } from "./rover_player.ts";
import { fold, onCpu, stacks } from "./rover_stacks.ts";

const hot = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { service: shop* }
rules:
  - { metric: process_cpu, threshold: 80%, period: 10s, count: 5 }
  - { metric: http_error_rate, threshold: 5%, period: 30s, count: 3, errors: 5xx, uri: { paths: [/pay, /cart] } }
  - { metric: http_p95_response_time, threshold: 500ms }
  - { metric: http_avg_response_time, threshold: 250ms, uri: { prefixes: [/api] } }
start: [on_cpu, off_cpu]
`;
const profiling = {
  PROCESS_CPU: { Threshold: "80", Period: 10, Count: 5 },
  HTTP_ERROR_RATE: { Threshold: "5", Period: 30, Count: 3, URIList: ["/pay", "/cart"] },
};
const methods = [
  ["EBPFProcessService", "reportProcesses"],
  ["EBPFProcessService", "keepAlive"],
  ["ContinuousProfilingService", "queryPolicies"],
  ["ContinuousProfilingService", "reportProfilingTask"],
  ["EBPFProfilingService", "queryTasks"],
  ["EBPFProfilingService", "collectProfilingData"],
  ["MeterReportService", "collect"],
  ["MeterReportService", "collectBatch"],
  ["ManagementService", "reportInstanceProperties"],
  ["ManagementService", "keepAlive"],
  ["LogReportService", "collect"],
  ["SpanAttachedEventReportService", "collect"],
  ["EventService", "collect"],
  ["TraceSegmentReportService", "collect"],
  ["TraceSegmentReportService", "collectInSync"],
  ["EBPFAccessLogService", "collect"],
] as const;
const isKept = /^(EBPFPro|Continuous)/;
const names = { layer: "MESH", serviceName: "shop", instanceName: "shop-pod", processName: "shopd" };

function trip(target: object, current = 93.5) {
  const causes = [{ type: "ProcessCPU", singleValue: { threshold: 80, current } }];
  return { ...names, causes, duration: 600, ...target };
}

async function taskId(player: RoverPlayer, message: object): Promise<string> {
  const { commands } = await player.call<Commands>(
    "ContinuousProfilingService",
    "reportProfilingTask",
    message,
  );
  assert.deepEqual(commands.map(({ command }) => command), ["ContinuousProfilingReportTask"]);
  return argument(commands[0]!, "TaskId");
}

Deno.test("Rover: a policy saved here trips there, and its flame graph is here, symbol by symbol", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop] = await report(
    player,
    "run-1",
    podProcess("shop", 71, "shopd"),
    podProcess("mail", 72, "maild"),
  );
  assert.equal(await query(player, { shop: "", mail: "" }), undefined);

  const policies = backend.client(PolicyService);
  await policies.applyPolicies({ source: hot });
  const changed = await query(player, { shop: "", mail: "" });
  const uuid = changed![0]!.UUID;
  assert.match(uuid, /^[0-9a-f]{128}$/);
  assert.deepEqual(changed, [
    { ServiceName: "shop", UUID: uuid, Profiling: { ON_CPU: profiling, OFF_CPU: profiling } },
  ]);
  assert.equal(await query(player, { shop: uuid, mail: "" }), undefined);
  const page = await policies.getPolicy({ name: "hot" });
  const [agent] = page.agents;
  assert.deepEqual([agent?.agentId, agent?.connected, agent?.upToDate], ["rover-10.0.0.7", true, true]);
  assert.deepEqual(agent?.refused.map(({ path, reason }) => [path, reason]), [
    ["rules[2]", "SkyWalking has no http_p95_response_time"],
    ["rules[3]", "SkyWalking has no prefixes; give paths, or a regex"],
  ]);
  assert.deepEqual(page.processes.map(({ process }) => process?.id), [shop]);

  const id = await taskId(player, trip({ onCPU: {} }));
  const start = Date.now();
  const about = { taskId: id, processId: shop, profilingStartTime: start };
  await player.call(
    ...["EBPFProfilingService", "collectProfilingData"] as const,
    { task: { ...about, currentTime: start + 5_000 }, ...onCpu([], ["leaf", "work", "main"], 7) },
    onCpu(["do_syscall_64", "entry_SYSCALL_64"], ["write", "main"], 3),
    onCpu([], ["[MISSING]", "main"], 2),
  );
  await player.call(
    ...["EBPFProfilingService", "collectProfilingData"] as const,
    { task: { ...about, currentTime: start + 10_000 }, ...onCpu([], ["leaf", "work", "main"], 5) },
    onCpu([], ["std::vector<int>::push_back(int&&)", "work", "main"], 1),
  );
  const tasks = backend.client(TaskService);
  const { task, kinds } = await tasks.getTask({ id });
  assert.deepEqual([task?.policy, task?.state, task?.durationSeconds], ["hot", TaskState.RUNNING, 600]);
  assert.deepEqual([task?.cause?.metric, task?.cause?.threshold, task?.cause?.slots[0]?.value], [
    ...["process_cpu", 80, 93.5],
  ]);
  assert.deepEqual(kinds, [ProfileKind.ON_CPU]);
  const { profile } = await tasks.getProfile({ taskId: id, kind: ProfileKind.ON_CPU });
  assert.deepEqual(
    [...fold(profile!)].toSorted(),
    [
      ["main;[MISSING]", 2n],
      ["main;work;leaf", 12n],
      ["main;work;std::vector<int>::push_back(int&&)", 1n],
      ["main;write;entry_SYSCALL_64;do_syscall_64", 3n],
    ],
  );
  assert.deepEqual([profile?.loss?.taken, profile?.loss?.stored, profile?.missingChunks], [18n, 18n, 0]);
  // How the walk of a stack ended is not told, and not made up.
  assert.deepEqual(profile?.quality?.ends, []);
  const early = await tasks.getProfile({ taskId: id, kind: ProfileKind.ON_CPU, fromSecond: 0, toSecond: 5 });
  assert.equal(early.profile?.sampleWeights.reduce((sum, weight) => sum + weight, 0n), 12n);

  const waits = await taskId(player, trip({ offCPU: {} }));
  assert.notEqual(waits, id);
  await player.call("EBPFProfilingService", "collectProfilingData", {
    task: { ...about, taskId: waits, currentTime: start + 5_000 },
    offCPU: { stacks: stacks(["schedule"], ["read", "main"]), switchCount: 4, duration: 123_456_789 },
  });
  const blocked = await tasks.getProfile({ taskId: waits, kind: ProfileKind.OFF_CPU });
  assert.deepEqual([...fold(blocked.profile!)], [["main;read;schedule", 123_456_789n]]);
  assert.deepEqual(blocked.profile?.sampleWaits, [4n]);

  await policies.deletePolicy({ name: "hot" });
  assert.deepEqual(await query(player, { shop: uuid, mail: "" }), [{ ServiceName: "shop", UUID: "" }]);
  assert.equal(await query(player, { shop: "", mail: "" }), undefined);
});

Deno.test("Rover: what it cannot do twice or at once is refused, and said once", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop] = await report(
    player,
    "run-1",
    podProcess("shop", 71, "shopd"),
    podProcess("shop", 72, "other"),
  );
  const refusedTrip = () =>
    player.end("ContinuousProfilingService", "reportProfilingTask", [trip({ onCPU: {} })]);
  // Without a policy of ours nobody asked for a task.
  assert.equal((await refusedTrip()).code, 9);
  await backend.client(PolicyService).applyPolicies({ source: hot });
  await query(player, { shop: "" });
  const id = await taskId(player, trip({ onCPU: {} }));
  // One that it could not begin it reports anew every five seconds: that is one task.
  assert.equal(await taskId(player, trip({ onCPU: {} })), id);
  await player.call("EBPFProfilingService", "collectProfilingData", {
    task: { taskId: id, processId: shop, profilingStartTime: Date.now(), currentTime: Date.now() + 5_000 },
    ...onCpu([], ["main"], 1),
  });
  for (let time = 0; time < 2; time++) {
    const { code, details } = await refusedTrip();
    assert.equal(code, 9);
    assert.match(details, /^Silent for \d+ s more, as a task of this kind ran here$/);
  }
  await taskId(player, { ...trip({ onCPU: {} }), processName: "other" });
  const third = await player.end("ContinuousProfilingService", "reportProfilingTask", [trip({ offCPU: {} })]);
  assert.match(third.details, /2 tasks run on this host already/);
  const unknown = { ...trip({ onCPU: {} }), processName: "nobody" };
  assert.equal((await player.end("ContinuousProfilingService", "reportProfilingTask", [unknown])).code, 5);
  const { recentRefusals, summary } = await backend.client(PolicyService).getPolicy({ name: "hot" });
  assert.deepEqual(recentRefusals.map(({ reason, count }) => [reason, count]).toSorted(), [
    ["concurrency", 1],
    ["silence", 2],
  ]);
  assert.equal(summary?.trips, 2);
});

Deno.test("Rover: tasks by hand are asked for once, and stacks of any stream that breaks stay", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop = ""] = await report(player, "run-1", podProcess("shop", 71, "shopd"));
  const tasks = backend.client(TaskService);
  const wish = { processIds: [shop], durationSeconds: 60 };
  const started = await tasks.startTask({ ...wish, kinds: [ProfileKind.ON_CPU, ProfileKind.OFF_CPU] });
  const { taskId: id, refused } = started.tasks[0]!;
  assert.equal(refused, "");
  const ask = (latestUpdateTime: number) =>
    player.call<Commands>("EBPFProfilingService", "queryTasks", {
      roverInstanceId: "run-1",
      latestUpdateTime,
    });
  const { commands } = await ask(0);
  const said = (key: string) => commands.map((command) => argument(command, key));
  assert.deepEqual(commands.map(({ command }) => command), [
    "EBPFProfilingTaskQuery",
    "EBPFProfilingTaskQuery",
  ]);
  assert.deepEqual(said("TargetType"), ["ON_CPU", "OFF_CPU"]);
  assert.deepEqual(said("TriggerType"), ["FIXED_TIME", "FIXED_TIME"]);
  assert.deepEqual(said("ProcessId"), [shop, shop]);
  assert.deepEqual(said("FixedTriggerDuration"), ["60", "60"]);
  assert.deepEqual(said("ExtensionConfigJSON"), ["null", "null"]);
  assert.ok(said("TaskStartTime").every((time) => Math.abs(Number(time) - Date.now()) < 5_000));
  const [update = ""] = said("TaskUpdateTime");
  assert.deepEqual((await ask(Number(update))).commands, []);

  const start = Date.now();
  const about = {
    taskId: said("TaskId")[0],
    processId: shop,
    profilingStartTime: start,
    currentTime: start + 5_000,
  };
  const broken = await player.end("EBPFProfilingService", "collectProfilingData", [
    { task: about, ...onCpu([], ["a", "main"], 11) },
    onCpu([], ["b", "main"], 13),
  ], { breaks: true });
  assert.equal(broken.code, 1);
  const found = await waitFor(async () => {
    const answer = await tasks.getProfile({ taskId: id, kind: ProfileKind.ON_CPU }).catch(() => undefined);
    return answer?.profile;
  }, 5);
  assert.deepEqual([...fold(found!)].toSorted(), [["main;a", 11n], ["main;b", 13n]]);

  await tasks.stopTask({ id });
  const stopped = await waitFor(async () => {
    const { task } = await tasks.getTask({ id });
    return task?.state === TaskState.STOPPED ? task : undefined;
  }, 5);
  assert.match(stopped?.message ?? "", /goes on until the task's time is over/);
  await player.call("EBPFProfilingService", "collectProfilingData", { task: about, ...onCpu([], ["c"], 17) });
  const { profile } = await tasks.getProfile({ taskId: id, kind: ProfileKind.ON_CPU });
  assert.equal(profile?.loss?.taken, 24n);
});

Deno.test("Rover: its host is beside ours with its meters, over restarts of both", async () => {
  await using folder = await makeTestFolder("rover");
  let id = "";
  let shop = "";
  let port = 0;
  const start = Date.now();
  {
    await using backend = await startRoverBackend(folder.path);
    port = backend.grpcPort;
    await using player = await RoverPlayer.start(port, tokens.agent);
    [shop = ""] = await report(
      player,
      "run-1",
      podProcess("shop", 71, "shopd"),
      podProcess("mail", 72, "maild"),
    );
    await backend.client(PolicyService).applyPolicies({ source: hot });
    await query(player, { shop: "" });
    const labels = [{ name: "process_name", value: "shopd" }, { name: "layer", value: "MESH" }];
    const meter = (name: string, value: number, ...more: { name: string; value: string }[]) => ({
      singleValue: { name, labels: [...labels, ...more], value },
      ...{ service: "shop", serviceInstance: "shop-pod", timestamp: start },
    });
    const meterData = [
      meter("rover_con_p_process_cpu", 91.5),
      meter("rover_con_p_process_thread_count", 17),
      meter("rover_con_p_system_load", 3.25),
      meter("rover_con_p_http_error_rate", 10, { name: "uri", value: "/pay" }),
      meter("rover_con_p_http_error_rate", 20, { name: "uri", value: "/pay" }),
      meter("rover_net_p_client_drop_counts_counter", 5),
      meter("rover_net_p_client_drop_counts_counter", 6),
      // Only the first says whose all are.
    ].map((one, index) => index === 0 ? one : { singleValue: one.singleValue });
    const earlier = { ...meter("rover_con_p_process_thread_count", 15), timestamp: start - 5_000 };
    await player.call("MeterReportService", "collectBatch", { meterData: [earlier] });
    await player.call("MeterReportService", "collectBatch", { meterData });
    const queries = backend.client(QueryService);
    const { processes } = await queries.listProcesses({ service: "shop" });
    assert.deepEqual(
      processes.map(({ process, host, threads, cpuPercent, policies }) => [
        ...[process?.id, process?.exe, host, threads, cpuPercent, policies],
      ]),
      [[shop, "/usr/bin/shopd", "10.0.0.7", 17, 91.5, ["hot"]]],
    );
    const page = await queries.getProcess({ id: shop });
    const range = { fromUnixMs: BigInt(start - 60_000), toUnixMs: BigInt(start + 60_000) };
    const { series } = await queries.queryMetrics({
      agentId: "rover-10.0.0.7",
      series: page.series,
      ...range,
    });
    assert.deepEqual(
      series.map(({ series, mean }) => [series?.metric, series?.uri, series?.variant, ...mean]).toSorted(),
      [
        ["http_error_rate", "/pay", "path 5xx", 15],
        ["process_cpu", "", "", 91.5],
        // It stands for the five seconds since the one before.
        ["process_thread_count", "", "", 15, 17, 17, 17, 17, 17],
        ["system_load", "", "", 3.25],
      ],
    );
    const ignored = backend.process.lines.filter((line) =>
      line.includes("rover_net_p_client_drop_counts_counter")
    );
    assert.equal(ignored.length, 1);
    id = await taskId(player, trip({ onCPU: {} }));
    const about = { taskId: id, processId: shop, profilingStartTime: start, currentTime: start + 5_000 };
    await player.call("EBPFProfilingService", "collectProfilingData", {
      task: about,
      ...onCpu([], ["a", "main"], 2),
    });
  }
  await using backend = await startRoverBackend(folder.path, port);
  await using player = await RoverPlayer.start(port, tokens.agent);
  // It does not report its processes anew because a backend was started anew.
  const [{ k8sProcess: { entity } }] = [podProcess("shop", 71, "shopd")];
  await player.call("EBPFProcessService", "keepAlive", {
    processes: [{ entityMetadata: entity, properties: [] }],
    ebpfAgentID: "run-1",
  });
  const about = { taskId: id, processId: shop, profilingStartTime: start, currentTime: start + 10_000 };
  await player.call(
    ...["EBPFProfilingService", "collectProfilingData"] as const,
    { task: about, ...onCpu([], ["a", "main"], 3) },
    onCpu([], ["b", "main"], 4),
  );
  const tasks = backend.client(TaskService);
  const { profile } = await tasks.getProfile({ taskId: id, kind: ProfileKind.ON_CPU });
  assert.deepEqual([...fold(profile!)].toSorted(), [["main;a", 5n], ["main;b", 4n]]);
  assert.equal(profile?.missingChunks, 0);
  // Nor does it forget what it granted: the task is the same, and silence goes on.
  const again = await player.end("ContinuousProfilingService", "reportProfilingTask", [trip({ onCPU: {} })]);
  assert.match(again.details, /^Silent for/);
  const [changed] = await query(player, { shop: "", mail: "" }) ?? [];
  assert.equal(changed?.ServiceName, "shop");
  // Started anew it calls itself otherwise; it is the same host all the same, and so are its processes.
  assert.deepEqual(await report(player, "run-2", podProcess("shop", 71, "shopd")), [shop]);
  const { agents } = await backend.client(QueryService).getOverview({});
  assert.deepEqual(agents.map(({ agent, connected }) => [agent?.agentId, agent?.host, connected]), [
    ["rover-10.0.0.7", "10.0.0.7", true],
  ]);
});

Deno.test("Rover: tokens, odd messages, calls of other kinds and abrupt ends", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const wrong = [["", 16], ["wrong-token-0123456789", 16], [tokens.editor, 7]] as const;
  for (const [service, method] of methods) {
    for (const [authentication, expected] of wrong) {
      const { code } = await player.end(service, method, [{}], { authentication });
      assert.equal(code, expected, `${method} with ${authentication}`);
    }
  }
  const other = [{ processes: [podProcess("shop", 1, "shopd")], ebpfAgentID: "run-1" }];
  const bound = await player.end("EBPFProcessService", "reportProcesses", other, {
    authentication: tokens.bound,
  });
  assert.equal(bound.code, 7);
  const own = [{ processes: [podProcess("shop", 1, "shopd", { host: "10.9.9.9" })], ebpfAgentID: "run-9" }];
  assert.equal(
    (await player.end("EBPFProcessService", "reportProcesses", own, { authentication: tokens.bound })).code,
    0,
  );

  // Over 10 MB in one message, which is over what our own wire takes.
  const long = podProcess("shop", 3, "shopd");
  long.k8sProcess.properties.push({ key: "command_line_long", value: "x".repeat(10_000_000) });
  await report(player, "run-1", long);
  const tooLong = [{ processes: [], ebpfAgentID: "x".repeat(33 * 1024 * 1024) }];
  assert.equal((await player.end("EBPFProcessService", "reportProcesses", tooLong)).code, 8);
  // Names without which nothing is a process are passed over, and processes of a beat that nobody reported.
  const nameless = podProcess("", 4, "x");
  const list = { processes: [nameless, {}], ebpfAgentID: "run-1" };
  assert.deepEqual(await player.call("EBPFProcessService", "reportProcesses", list), { processes: [] });
  const beat = { processes: [{ entityMetadata: nameless.k8sProcess.entity }, {}], ebpfAgentID: "run-1" };
  assert.deepEqual(await player.call("EBPFProcessService", "keepAlive", beat), { commands: [] });
  const unknown = { ...beat, ebpfAgentID: "never-seen" };
  assert.deepEqual(await player.call("EBPFProcessService", "keepAlive", unknown), { commands: [] });
  // What is not kept is answered.
  for (const [service, method] of methods) {
    if (isKept.test(service)) continue;
    const answer = service === "EBPFAccessLogService" ? {} : { commands: [] };
    assert.deepEqual(await player.call(service, method, {}), answer);
  }
  // Stacks of a task that nobody knows, and one without any task at all.
  const lost = { task: { taskId: "0".repeat(32), processId: "x" }, ...onCpu([], ["main"], 1) };
  await player.call("EBPFProfilingService", "collectProfilingData", onCpu([], ["main"], 1), lost);

  for (let time = 0; time < 5; time++) {
    const dying = await RoverPlayer.start(backend.grpcPort, tokens.agent);
    await report(dying, `dies-${time}`, podProcess("dies", 100, "dies"));
    const stacks = onCpu([], ["x".repeat(1_000_000)], 1);
    const ends = [
      dying.end("MeterReportService", "collectBatch", [{ meterData: [] }], { breaks: true }),
      dying.end("EBPFProfilingService", "collectProfilingData", [stacks, stacks, stacks]),
    ];
    void Promise.all(ends).catch(() => {});
    await sleep(time * 10);
    await dying[Symbol.asyncDispose]();
  }
  await player.call("EBPFProcessService", "keepAlive", beat);
  const errors = backend.process.lines.filter((line) => / level=error /.test(line));
  assert.deepEqual(errors, []);
});
