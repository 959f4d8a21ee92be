/** The whole agent, as SkyWalking's, against the whole backend, as an OAP: real processes and stacks, nothing is played. */
import assert from "node:assert/strict";
import { NetworkRole, type NetworkTraffic } from "../../src/gen/stakeout/v1/network_pb.ts";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { startNginx } from "../support/http_servers.ts";
import { startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { startRoverBackend, tokens } from "./rover_backend.ts";

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: burning }
target: { service: bothburn }
rules: [{ metric: process_cpu, threshold: 20%, period: 5s, count: 2 }]
start: [on_cpu]
`;

testAsRoot(
  "a policy of the backend trips on an agent that speaks SkyWalking's wire, and every sample comes back",
  async () => {
    await using folder = await makeTestFolder("both");
    const burn = `${folder.path}/bothburn`;
    await compileTarget("burn", burn);
    await using backend = await startRoverBackend(folder.path);
    await backend.client(PolicyService).applyPolicies({ source: policy });
    const config = `${folder.path}/stakeout.yaml`;
    await Deno.writeTextFile(config, `skywalking: { services: ["bothburn"], duration_seconds: 5 }\n`);
    const to = ["--backend", `skywalking://127.0.0.1:${backend.grpcPort}`];
    await using agent = startStakeout(
      ["agent", ...to, "--state", `${folder.path}/agent`, "--config", config],
      { env: { STAKEOUT_TOKEN: tokens.agent } },
    );
    await agent.waitForLine(/msg="The agent watches this host"/);
    await using target = await startTarget(burn, "2", "2");
    const ended = await agent.waitForLine(/msg="Task ended"/, 40);
    const taken = BigInt(/ taken=(\d+)/.exec(ended)![1]!);
    const tasks = backend.client(TaskService);
    const profile = await waitFor(async () => {
      const [task] = (await tasks.listTasks({})).tasks;
      if (task === undefined) return undefined;
      const answer = await tasks.getProfile({ taskId: task.id, kind: ProfileKind.ON_CPU }).catch(() =>
        undefined
      );
      return answer?.profile?.loss?.taken === taken ? answer.profile : undefined;
    }, 15);
    assert.ok(profile !== undefined, agent.lines.join("\n"));
    assert.ok(taken > 20n, `${taken} samples`);
    assert.equal(profile.sampleWeights.reduce((sum, weight) => sum + weight, 0n), taken);
    const names = profile.stacks.map(({ frames }) =>
      frames.map((frame) => profile.strings[profile.frames[frame]!.function])
    );
    for (const stack of names) assert.ok(stack.includes("outer") && stack.includes("burn"), stack.join(";"));

    const [task, ...more] = (await tasks.listTasks({})).tasks;
    assert.deepEqual(more, []);
    assert.deepEqual([task?.policy, task?.pids, task?.durationSeconds], ["burning", [target.pid], 5]);
    assert.ok(task!.cause!.slots[0]!.value >= 20);
    const queries = backend.client(QueryService);
    const { processes: [process] } = await queries.listProcesses({ service: "bothburn" });
    assert.deepEqual([process?.process?.pid, process?.policies], [target.pid, ["burning"]]);
    assert.deepEqual(backend.process.lines.filter((line) => / level=(error|warn) /.test(line)), []);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);

const watchServer = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: serving }
target: { service: bothserve }
rules: [{ metric: process_thread_count, threshold: 1, period: 5s, count: 2 }]
start: [network]
`;

/** One request over a connection of its own; how many bytes went and came. */
async function request(port: number, path: string): Promise<{ sent: number; received: number }> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const text = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(65_536);
  let received = 0;
  for (let bytes = await connection.read(buffer); bytes !== null; bytes = await connection.read(buffer)) {
    received += bytes;
  }
  return { sent: text.length, received };
}

testAsRoot(
  "a policy's network profile comes over SkyWalking's wire and cut connections with every byte that real clients saw",
  async () => {
    await using folder = await makeTestFolder("both");
    await Deno.chmod(folder.path, 0o777);
    await using backend = await startRoverBackend(folder.path);
    await backend.client(PolicyService).applyPolicies({ source: watchServer });
    const config = `${folder.path}/stakeout.yaml`;
    await Deno.writeTextFile(config, `skywalking: { services: ["bothserve"], duration_seconds: 20 }\n`);
    await using proxy = await CuttingProxy.start(backend.grpcPort);
    const to = ["--backend", proxy.url];
    await using agent = startStakeout(
      ["agent", ...to, "--state", `${folder.path}/agent`, "--config", config],
      { env: { STAKEOUT_TOKEN: tokens.agent } },
    );
    await agent.waitForLine(/msg="The agent watches this host"/);
    const program = `${folder.path}/bothserve`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await using server = await startNginx(folder.path, 1, { program });
    await agent.waitForLine(/msg="Task started"/, 40);
    const tasks = backend.client(TaskService);
    // With its first chunk the profile is known to cover the server.
    const id = await waitFor(async () => {
      const task = (await tasks.listTasks({})).tasks.find(({ kinds }) => kinds.includes(ProfileKind.NETWORK));
      return task?.id;
    }, 20);
    assert.ok(id !== undefined, agent.lines.join("\n"));
    proxy.cutCalls(20);
    let sent = 0;
    let received = 0;
    for (let index = 0; index < 101; index++) {
      const bytes = await request(server.port, index < 94 ? "/" : "/status/503");
      await sleep(50);
      sent += bytes.sent;
      received += bytes.received;
    }
    const ended = await agent.waitForLine(/msg="Task ended"/, 40);
    proxy.cutCalls(0);
    const taken = BigInt(/ taken=(\d+)/.exec(ended)![1]!);
    const served = await waitFor(async () => {
      const answer = await tasks.getNetworkProfile({ taskId: id }).catch(() => undefined);
      if (answer?.profile === undefined) return undefined;
      const { edges, totals } = answer.profile;
      const servers = new Set(
        edges.filter(({ role }) => role === NetworkRole.SERVER).map(({ edge }) => edge),
      );
      const rows = totals.filter(({ edge }) => servers.has(edge));
      return sumOf(rows, "receivedBytes") === BigInt(sent) ? { profile: answer.profile, rows } : undefined;
    }, 15);
    assert.ok(served !== undefined, agent.lines.join("\n"));
    const { profile: { totals, loss, missingChunks, seconds, observedSeconds }, rows } = served;
    assert.equal(sumOf(rows, "sentBytes"), BigInt(received));
    assert.equal(sumOf(totals, "receivedMessages") + sumOf(totals, "sentMessages"), taken);
    assert.equal(rows.reduce((sum, { closedByLocal }) => sum + closedByLocal, 0), 101);
    assert.ok(rows.some(({ rttSamples, rttSumUs }) => rttSamples > 0 && rttSumUs > 0n));
    const requests = rows.flatMap(({ http }) => http ?? []);
    const count = (field: "requests" | "errors4xx" | "errors5xx") =>
      requests.reduce((sum, row) => sum + row[field], 0n);
    assert.deepEqual([count("requests"), count("errors4xx"), count("errors5xx")], [101n, 0n, 7n]);
    const counts = requests.flatMap(({ bucketCounts }) => bucketCounts);
    assert.equal(counts.reduce((sum, one) => sum + one, 0n), 101n);
    assert.deepEqual([missingChunks, seconds - observedSeconds, loss?.droppedRows, loss?.merged], [
      0,
      0,
      0n,
      0n,
    ]);
    const { task } = await tasks.getTask({ id });
    assert.deepEqual([task?.policy, task?.durationSeconds, task?.services], ["serving", 20, ["bothserve"]]);
    assert.deepEqual(backend.process.lines.filter((line) => / level=(error|warn) /.test(line)), []);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);

function sumOf(
  rows: readonly NetworkTraffic[],
  field: "receivedBytes" | "sentBytes" | "receivedMessages" | "sentMessages",
): bigint {
  return rows.reduce((sum, row) => sum + row[field], 0n);
}
