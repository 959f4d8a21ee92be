/** Network profiles, protocol level: Rover is played with grpc-js on Node against the backend as a process of its own. */
import assert from "node:assert/strict";
import type { NetworkEdge, NetworkProfile } from "../../src/gen/stakeout/v1/network_pb.ts";
import { NetworkRole, SampleReason, TraceHeader } from "../../src/gen/stakeout/v1/network_pb.ts";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { ProfileKind, TaskState } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { formatPeer } from "../../src/model/network_address.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { bytes, double, message, number, text } from "./hand_bytes.ts";
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
import { type Connection, flush, sampledRequest } from "./rover_network.ts";
import { RoverPlayer } from "./rover_player.ts";

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: busy }
target: { service: shop }
rules: [{ metric: process_cpu, threshold: 80%, period: 10s, count: 5 }]
start: [network]
`;
/** In what must not be kept. */
const canary = "canary-7f3a9d";

async function trip(player: RoverPlayer, processName = "shopd") {
  const names = { layer: "MESH", serviceName: "shop", instanceName: "shop-pod", processName };
  const causes = [{ type: "ProcessCPU", singleValue: { threshold: 80, current: 93.5 } }];
  const target = { network: { samplingURIRegexes: [] } };
  const request = { ...names, causes, duration: 600, ...target };
  return await player.end("ContinuousProfilingService", "reportProfilingTask", [request]);
}

async function tripped(player: RoverPlayer): Promise<string> {
  const { code, details, reply } = await trip(player);
  assert.equal(code, 0, details);
  return argument((reply as Commands).commands[0]!, "TaskId");
}

async function profileOf(backend: RoverBackend, taskId: string): Promise<NetworkProfile> {
  const { profile } = await backend.client(TaskService).getNetworkProfile({ taskId });
  return profile!;
}

/** Who calls whom, as the map shows it. */
function describe(
  { processId, peerProcessId, ...edge }: NetworkEdge,
  names: Readonly<Record<string, string>>,
) {
  const isServer = edge.role === NetworkRole.SERVER;
  const peer = names[peerProcessId] ?? formatPeer({ ...edge, isServer });
  return `${names[processId]} ${isServer ? "serves" : "calls"} ${peer}${edge.tls ? " by TLS" : ""}`;
}

async function startShop(player: RoverPlayer): Promise<[shop: string, helper: string, mail: string]> {
  const processes = [
    podProcess("shop", 71, "shopd"),
    podProcess("shop", 72, "helper"),
    podProcess("mail", 73, "maild"),
  ];
  return await report(player, "run-1", ...processes) as [string, string, string];
}

Deno.test("Rover: a policy's network profile has every connection, request and sample that was sent, and nothing else", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop, helper, mail] = await startShop(player);
  await backend.client(PolicyService).applyPolicies({ source: policy });
  const [changed] = await query(player, { shop: "" }) ?? [];
  assert.deepEqual(changed?.Profiling, {
    NETWORK: { PROCESS_CPU: { Threshold: "80", Period: 10, Count: 5 } },
  });
  assert.deepEqual((await backend.client(PolicyService).getPolicy({ name: "busy" })).agents[0]?.refused, []);

  const start = Date.now();
  const id = await tripped(player);
  const client: Connection = {
    ...{ own: shop, isServer: true, peer: ["address", "10.0.0.9:40123"] },
    values: {
      ...{ write_bytes: 70_001, write_counts: 11, read_bytes: 3_001, read_counts: 13, close_counts: 2 },
      ...{ write_rtt_counts: 7, write_rtt_exe_time: 150, drop_counts: 9, write_exe_time: 12_345 },
    },
    http: {
      ...{ requests: 17, statuses: { 200: 12, 404: 2, 503: 3 }, meanMs: 23 },
      // The middle of 20 to 25 is 22.5 ms, of 100 to 110 105.
      durations: { 20: 16, 100: 1 },
    },
  };
  const again: Connection = {
    ...{ own: shop, isServer: true, peer: ["address", "10.0.0.9:40124"], values: { write_bytes: 13 } },
    http: { requests: 2, statuses: { 200: 2 }, meanMs: 5, durations: { 5: 2 } },
  };
  const database: Connection = {
    ...{ own: shop, peer: ["address", "10.0.0.7:5432"], isTls: true },
    values: { connect_counts: 3, connect_exe_time: 2_000_000, retransmit_counts: 5, write_bytes: 101 },
  };
  const inner: Connection = { own: shop, peer: ["process_id", helper], values: { write_bytes: 307 } };
  // Of two services of the host Rover tells both with the same labels.
  const local: Connection = {
    ...{ own: helper, peer: ["local", "true"] },
    values: { read_bytes: 409, connect_counts: 2, connect_exe_time: 1_000_000 },
  };
  const alike = { ...local, values: { read_bytes: 11, connect_counts: 1, connect_exe_time: 7_000_000 } };
  const another: Connection = { own: mail, peer: ["local", "true"], values: { read_bytes: 1_000_003 } };
  await sleep(start + 2_000 - Date.now());
  // As Rover sends it: a message for each service, the first of which says whose all are.
  const batch = ["MeterReportService", "collectBatch"] as const;
  const whole = [
    flush(start + 2_000, "mail", another),
    flush(start + 2_000, "shop", client, again, database, inner, local, alike),
  ];
  // What came of a stream that broke, and all that was sent again as an agent of Stakeout's does, counts once.
  await player.end(...batch, [flush(start + 2_000, "shop", client)], { breaks: true });
  for (let time = 0; time < 3; time++) await player.call(...batch, ...whole);
  const later = {
    ...client,
    values: { write_bytes: 5 },
    http: { ...client.http!, requests: 1, statuses: {} },
  };
  await sleep(start + 4_000 - Date.now());
  await player.call(...batch, flush(start + 4_000, "shop", later));
  await player.call(...batch, ...whole, flush(start + 4_000, "shop", later));

  const mine = { process_id: shop, local: false, address: "" };
  const logs = [
    sampledRequest(start + 4_000, "shop", "4bf92f35.7.16", {
      ...{ uri: `/pay?${canary}`, reason: "status_5xx", latency: 105, status: 503, detect_point: "server" },
      ...{
        client_process: { process_id: "", local: false, address: "10.0.0.9:40123" },
        server_process: mine,
      },
      ...{ headers: { authorization: canary }, body: canary },
    }),
    sampledRequest(start + 4_000, "shop", "463ac35c9f6413ad48485a3953bb6124", {
      ...{ uri: "/query", latency: 37, trace_provider: "zipkin", client_process: mine },
      server_process: { process_id: "", local: false, address: "10.0.0.7:5432" },
    }),
    {
      ...sampledRequest(start + 4_000, "shop", canary, {}),
      tags: { data: [{ key: "level", value: canary }] },
    },
    { service: "shop", body: { type: "text", text: { text: canary } } },
  ];
  for (let time = 0; time < 2; time++) await player.call("LogReportService", "collect", ...logs);
  await player.call("SpanAttachedEventReportService", "collect", {
    event: "HTTP Request Sampling",
    tags: [{ key: "data_content", value: `GET / HTTP/1.1\r\nAuthorization: ${canary}` }],
    traceContext: { type: "SKYWALKING", traceId: canary, traceSegmentId: canary, spanId: "0" },
  });

  const { task, kinds } = await backend.client(TaskService).getTask({ id });
  assert.deepEqual([task?.policy, task?.kinds, kinds], ["busy", [ProfileKind.NETWORK], [
    ProfileKind.NETWORK,
  ]]);
  const profile = await profileOf(backend, id);
  assert.deepEqual([profile.seconds, profile.observedSeconds, profile.missingChunks], [4, 4, 0]);
  assert.match(profile.limits[0] ?? "", /^SkyWalking's agent took this profile/);
  assert.deepEqual(
    Object.values(profile.loss!).filter((count) => typeof count === "bigint" && count > 0n),
    [],
  );
  assert.deepEqual(
    profile.processes.map(({ processId, name, covered }) => [processId, name, covered]).toSorted(),
    [[shop, "shopd", true], [helper, "helper", true]].toSorted(),
  );
  const names = { [shop]: "shopd", [helper]: "helper" };
  const totals = new Map(profile.totals.map((total) => [total.edge, total]));
  const found = new Map(profile.edges.map((edge) => [describe(edge, names), totals.get(edge.edge)!]));
  assert.deepEqual(
    [...found].map(([edge, { receivedBytes, sentBytes }]) => [edge, receivedBytes, sentBytes]),
    [
      ["shopd serves 10.0.0.9", 3_001n, 70_019n],
      ["shopd calls 10.0.0.7:5432 by TLS", 0n, 101n],
      ["shopd calls helper", 0n, 307n],
      ["helper calls 127.0.0.1", 420n, 0n],
    ],
  );
  const served = found.get("shopd serves 10.0.0.9")!;
  assert.deepEqual([served.sentMessages, served.receivedMessages, served.closedByLocal], [11n, 13n, 2]);
  assert.deepEqual([served.rttSamples, served.rttSumUs, served.rttMaxUs], [7, 1_050n, 150]);
  const { http } = served;
  assert.deepEqual([http?.requests, http?.errors4xx, http?.errors5xx], [20n, 2n, 3n]);
  // 17 of 23 ms, 2 of 5, 1 of 23; three sorts of middle: 22.5 and 105, twice, and 7.5 ms.
  assert.deepEqual([http?.sumNs, http?.maxNs], [424_000_000n, 105_000_000n]);
  assert.deepEqual(http?.bucketCounts, [2n, 32n, 2n]);
  const called = found.get("shopd calls 10.0.0.7:5432 by TLS")!;
  assert.deepEqual([called.connects, called.connectSumNs, called.retransmits], [3, 6_000_000n, 5]);
  const near = found.get("helper calls 127.0.0.1")!;
  assert.deepEqual([near.connects, near.connectSumNs, near.connectMaxNs], [3, 9_000_000n, 7_000_000n]);
  assert.deepEqual(
    profile.samples.map(({ path, status, reason, traceId, traceHeader, waitNs, method }) => [
      ...[path, status, reason, traceId, traceHeader, waitNs, method],
    ]),
    [
      ["/pay", 503, SampleReason.FAILED, "4bf92f35.7.16", TraceHeader.SW8, 105_000_000n, ""],
      ["/query", 200, SampleReason.SLOW, "463ac35c9f6413ad48485a3953bb6124", TraceHeader.B3, 37_000_000n, ""],
    ],
  );
  const edges = profile.samples.map(({ edge }) => totals.get(edge));
  assert.deepEqual(edges, [served, called]);
  assert.equal(profile.secondBytes.reduce((sum, bytes) => sum + bytes, 0n), 73_848n);
  assert.equal(profile.secondRequests.reduce((sum, requests) => sum + requests, 0n), 20n);

  await backend.process[Symbol.asyncDispose]();
  const kept = await readFiles(folder.path);
  assert.ok(kept.includes("4bf92f35.7.16") && kept.includes("/pay"), "what is kept is found");
  assert.ok(!kept.includes(canary), "what is not kept is not found");
});

async function readFiles(folder: string): Promise<string> {
  let all = "";
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) all += await readFiles(path);
    else if (isFile) all += new TextDecoder("latin1").decode(await Deno.readFile(path));
  }
  return all;
}

Deno.test("Rover: a network profile by hand covers the instance, once at a time, and can be extended", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop, helper, mail] = await startShop(player);
  const tasks = backend.client(TaskService);
  const kinds = [ProfileKind.NETWORK];
  const start = async (...processIds: string[]) =>
    (await tasks.startTask({ processIds, kinds, durationSeconds: 60 })).tasks[0]!;
  assert.match((await start(shop, mail)).refused, /one instance/);
  const { taskId: id, refused } = await start(shop);
  assert.equal(refused, "");
  assert.equal((await start(helper)).refused, "A network profile of this instance runs already");
  const ask = async (latestUpdateTime: number) => {
    const message = { roverInstanceId: "run-1", latestUpdateTime };
    return (await player.call<Commands>("EBPFProfilingService", "queryTasks", message)).commands;
  };
  // Before it was asked for nothing is of it.
  const connection: Connection = { own: helper, peer: ["local", "true"], values: { read_bytes: 7 } };
  await player.call("MeterReportService", "collectBatch", flush(Date.now(), "shop", connection));
  const [command, ...more] = await ask(0);
  assert.deepEqual(more, []);
  const said = (key: string) => argument(command!, key);
  assert.deepEqual([command?.command, said("TargetType"), said("TriggerType"), said("TaskId")], [
    ...["EBPFProfilingTaskQuery", "NETWORK", "FIXED_TIME", id],
  ]);
  assert.deepEqual(said("ProcessId").split(",").toSorted(), [shop, helper].toSorted());
  assert.equal(said("FixedTriggerDuration"), "60");
  assert.equal(
    said("ExtensionConfigJSON"),
    '{"NetworkSamplings":[{"URIRegex":null,"MinDuration":0,"When4xx":true,"When5xx":true,"Settings":' +
      '{"RequireCompleteRequest":false,"MaxRequestSize":0,"RequireCompleteResponse":false,"MaxResponseSize":0}}]}',
  );
  const updated = Number(said("TaskUpdateTime"));
  assert.deepEqual(await ask(updated), []);
  await player.call("MeterReportService", "collectBatch", flush(Date.now(), "shop", connection));

  await tasks.extendTask({ id, seconds: 600 });
  const [longer] = await ask(updated);
  assert.deepEqual([argument(longer!, "TaskId"), argument(longer!, "FixedTriggerDuration")], [id, "660"]);
  assert.equal(argument(longer!, "TaskStartTime"), said("TaskStartTime"));
  assert.ok(Number(argument(longer!, "TaskUpdateTime")) > updated);
  await assert.rejects(tasks.extendTask({ id, seconds: 3_000 }), /3600 s at most; this one has 660/);
  const onCpu = await tasks.startTask({
    processIds: [shop],
    kinds: [ProfileKind.ON_CPU],
    durationSeconds: 60,
  });
  const other = onCpu.tasks[0]!.taskId;
  await assert.rejects(tasks.extendTask({ id: other, seconds: 60 }), /only network profiles that somebody/);

  await tasks.stopTask({ id });
  const stopped = await waitFor(async () => {
    const { task } = await tasks.getTask({ id });
    return task?.state === TaskState.STOPPED ? task : undefined;
  }, 5);
  assert.equal(stopped?.durationSeconds, 660);
  await player.call("MeterReportService", "collectBatch", flush(Date.now(), "shop", connection));
  const profile = await profileOf(backend, id);
  assert.deepEqual(profile.totals.map(({ receivedBytes }) => receivedBytes), [7n]);
});

Deno.test("Rover: a network profile goes on where a backend that was started anew finds it", async () => {
  await using folder = await makeTestFolder("rover");
  let id = "";
  let port = 0;
  let ids: [string, string, string];
  const start = Date.now();
  const connection = (): Connection => ({
    ...{ own: ids[0], isServer: true, peer: ["address", "10.0.0.9:40123"], values: { write_bytes: 1_009 } },
  });
  {
    await using backend = await startRoverBackend(folder.path);
    port = backend.grpcPort;
    await using player = await RoverPlayer.start(port, tokens.agent);
    ids = await startShop(player);
    await backend.client(PolicyService).applyPolicies({ source: policy });
    await query(player, { shop: "" });
    id = await tripped(player);
    await player.call("MeterReportService", "collectBatch", flush(start + 2_000, "shop", connection()));
  }
  await using backend = await startRoverBackend(folder.path, port);
  await using player = await RoverPlayer.start(port, tokens.agent);
  // Over the other call the first of a stream says it for all.
  const { meterData } = flush(Date.now() + 100, "shop", connection(), { ...connection(), own: ids[1] });
  await player.call("MeterReportService", "collect", ...meterData);
  const profile = await profileOf(backend, id);
  assert.deepEqual([profile.edges.length, profile.missingChunks], [2, 0]);
  assert.equal(profile.observedSeconds, profile.seconds);
  assert.deepEqual(profile.totals.map(({ sentBytes }) => sentBytes), [2_018n, 1_009n]);
  // The instance is silent, whichever process of it trips.
  assert.match((await trip(player, "helper")).details, /^Silent for/);
});

Deno.test("Rover: whatever it says of the network, it is bounded and counted", async () => {
  await using folder = await makeTestFolder("rover");
  await using backend = await startRoverBackend(folder.path);
  await using player = await RoverPlayer.start(backend.grpcPort, tokens.agent);
  const [shop] = await startShop(player);
  await backend.client(PolicyService).applyPolicies({ source: policy });
  await query(player, { shop: "" });
  const id = await tripped(player);
  const start = Date.now();
  const connections = Array.from({ length: 10_000 }, (_, index): Connection => ({
    ...{
      own: shop,
      peer: ["address", `10.1.${index >> 8}.${index & 255}:80`],
      values: { write_bytes: 10_007 },
    },
  }));
  await player.call("MeterReportService", "collectBatch", flush(start + 2_000, "shop", ...connections));
  const whole = await profileOf(backend, id);
  assert.deepEqual([whole.loss?.merged, whole.loss?.droppedRows], [6_500n, 0n]);
  // As many as one message shows; none of them was lost.
  assert.deepEqual([whole.edges.length, whole.leftOutEdges], [1_000, 2_501]);
  assert.equal(whole.secondBytes.reduce((sum, bytes) => sum + bytes, 0n), 100_070_000n);

  const labels = [["client_process_id", shop], ["server_local", "true"], ["side", "client"]] as const;
  const wrong = [NaN, Infinity, -1].map((value) => {
    const pairs = labels.map(([name, value]) => message(2, text(1, name), text(2, value)));
    const single = message(1, text(1, "rover_net_p_client_write_bytes_counter"), ...pairs, double(3, value));
    return message(1, single, text(3, "shop"), text(4, "shop-pod"), number(5, start + 3_000));
  });
  const raw = [bytes(...wrong).toHex()];
  assert.equal((await player.end("MeterReportService", "collectBatch", raw, { isRaw: true })).code, 0);
  const wide = Array.from({ length: 10_000 }, (_, index) => ({ bucket: index, count: 1 }));
  const hostile: Connection[] = [
    { own: "never-seen", peer: ["local", "true"], values: { write_bytes: 1 } },
    { own: shop, peer: ["address", "1".repeat(100_000)], values: { write_bytes: 1 } },
    { own: shop, peer: ["local", "true"], values: { write_bytes: -5, read_bytes: 1e300 } },
  ];
  const { meterData } = flush(start + 3_000, "shop", ...hostile);
  const list = labels.map(([name, value]) => ({ name, value }));
  const histogram = { name: "rover_net_p_http1_client_duration_histogram", labels: list, values: wide };
  await player.call("MeterReportService", "collectBatch", { meterData: [...meterData, { histogram }] });
  const log = sampledRequest(start, "shop", "x", { client_process: { process_id: shop }, latency: "never" });
  await player.call("LogReportService", "collect", log, {
    ...log,
    body: { json: { json: "{".repeat(100_000) } },
  });
  const { loss, edges } = await profileOf(backend, id);
  // Three, the unknown process, the address, two values, the histogram, and two logs.
  assert.deepEqual([loss?.droppedRows, loss?.merged], [10n, 6_500n]);
  assert.equal(edges.length, 1_000);
  const errors = backend.process.lines.filter((line) => / level=error /.test(line));
  assert.deepEqual(errors, []);
});
