/** As both_sides_test.ts: a network profile that somebody asks our backend for, of a real nginx. */
import assert from "node:assert/strict";
import { SampleReason, TraceHeader } from "../../src/gen/stakeout/v1/network_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { startNginx } from "../support/http_servers.ts";
import { startStakeout } from "../support/stakeout.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { startRoverBackend, tokens } from "./rover_backend.ts";

/** One request over a connection of its own; `header` has its line's end. */
async function request(port: number, path: string, header = ""): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const text = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${header}Connection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(text));
  await new Response(connection.readable).arrayBuffer();
}

testAsRoot(
  "a network profile by hand comes over SkyWalking's wire with the requests that it sampled, and is extended",
  async () => {
    await using folder = await makeTestFolder("both");
    await Deno.chmod(folder.path, 0o777);
    await using backend = await startRoverBackend(folder.path);
    const config = `${folder.path}/stakeout.yaml`;
    await Deno.writeTextFile(config, `skywalking: { services: ["handserve"] }\n`);
    const to = ["--backend", `skywalking://127.0.0.1:${backend.grpcPort}`];
    const program = `${folder.path}/handserve`;
    await Deno.copyFile("/usr/sbin/nginx", program);
    await using server = await startNginx(folder.path, 1, { program });
    await using agent = startStakeout(
      ["agent", ...to, "--state", `${folder.path}/agent`, "--config", config],
      { env: { STAKEOUT_TOKEN: tokens.agent } },
    );
    const queries = backend.client(QueryService);
    const process = await waitFor(async () => {
      const { processes } = await queries.listProcesses({ service: "handserve" });
      return processes.find(({ process }) => process?.pid === server.pid)?.process;
    }, 30);
    assert.ok(process !== undefined, agent.lines.join("\n"));
    const tasks = backend.client(TaskService);
    const wish = { processIds: [process.id], kinds: [ProfileKind.NETWORK], durationSeconds: 20 };
    const { taskId: id, refused } = (await tasks.startTask(wish)).tasks[0]!;
    assert.equal(refused, "");
    await agent.waitForLine(/msg="Task started"/, 30);
    await tasks.extendTask({ id, seconds: 5 });
    // Until the programs are attached; an agent tells nothing of nothing.
    await sleep(3_000);
    const encoded = ["4bf92f35.7.16", "4bf92f35.7.1", "web", "web-1", "/pay", "10.0.0.7:80"].map(btoa);
    const [trace, segment, ...others] = encoded;
    const sw8 = `sw8: 1-${trace}-${segment}-3-${others.join("-")}\r\n`;
    for (let index = 0; index < 7; index++) await request(server.port, "/status/503?secret=1", sw8);
    for (let index = 0; index < 101; index++) await request(server.port, "/");
    const ended = await agent.waitForLine(/msg="Task ended"/, 60);
    const profile = await waitFor(async () => {
      const answer = await tasks.getNetworkProfile({ taskId: id }).catch(() => undefined);
      const http = answer?.profile?.totals.flatMap(({ http }) => http ?? []) ?? [];
      const requests = http.reduce((sum, one) => sum + one.requests, 0n);
      return requests === 108n && answer!.profile!.samples.length >= 7 ? answer!.profile : undefined;
    }, 20);
    assert.ok(profile !== undefined, agent.lines.join("\n"));
    const failed = profile.samples.filter(({ status }) => status === 503);
    assert.deepEqual(
      failed.map(({ path, traceId, traceHeader, reason }) => [path, traceId, traceHeader, reason]),
      new Array(7).fill(["/status/503", "4bf92f35.7.16", TraceHeader.SW8, SampleReason.FAILED]),
    );
    assert.equal(failed.length, profile.samples.length);
    assert.match(ended, / state=done /);
    const { task } = await tasks.getTask({ id });
    assert.equal(task?.durationSeconds, 25);
    assert.deepEqual(backend.process.lines.filter((line) => / level=(error|warn) /.test(line)), []);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);
