/** As both_sides_test.ts, over connections that are cut and a backend that ends. */
import assert from "node:assert/strict";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { ProfileKind } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { startRoverBackend, tokens } from "./rover_backend.ts";

const policy = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: burning }
target: { service: cutburn }
rules: [{ metric: process_cpu, threshold: 20%, period: 5s, count: 2 }]
start: [on_cpu]
`;

testAsRoot(
  "over 20 cut connections and an end of the backend every sample that the agent took is stored once",
  async () => {
    await using folder = await makeTestFolder("both");
    const burn = `${folder.path}/cutburn`;
    await compileTarget("burn", burn);
    await using first = await startRoverBackend(folder.path);
    await first.client(PolicyService).applyPolicies({ source: policy });
    await using proxy = await CuttingProxy.start(first.grpcPort);
    const config = `${folder.path}/stakeout.yaml`;
    await Deno.writeTextFile(config, `skywalking: { services: ["cutburn"], duration_seconds: 25 }\n`);
    await using agent = startStakeout(
      ["agent", "--backend", proxy.url, "--state", `${folder.path}/agent`, "--config", config],
      { env: { STAKEOUT_TOKEN: tokens.agent } },
    );
    await agent.waitForLine(/msg="The agent watches this host"/);
    await using _target = await startTarget(burn, "2", "2");
    await agent.waitForLine(/msg="Task started"/, 40);
    proxy.cutCalls(21);
    await waitFor(() => proxy.cuts >= 10 || undefined, 40);
    await first[Symbol.asyncDispose]();
    await using backend = await startRoverBackend(folder.path, first.grpcPort);
    const ended = await agent.waitForLine(/msg="Task ended"/, 60);
    await waitFor(() => proxy.cuts > 20 || undefined, 40);
    const taken = BigInt(/ taken=(\d+)/.exec(ended)![1]!);
    const tasks = backend.client(TaskService);
    const profile = await waitFor(async () => {
      const [task] = (await tasks.listTasks({})).tasks;
      if (task === undefined) return undefined;
      const { profile } = await tasks.getProfile({ taskId: task.id, kind: ProfileKind.ON_CPU });
      return profile!.loss!.taken >= taken ? profile : undefined;
    }, 30);
    assert.ok(proxy.cuts > 20, `${proxy.cuts} cuts`);
    assert.equal((await tasks.listTasks({})).tasks.length, 1);
    assert.equal(
      profile?.sampleWeights.reduce((sum, weight) => sum + weight, 0n),
      taken,
      agent.lines.join("\n"),
    );
    assert.equal(profile?.missingChunks, 0);
    console.log(`${proxy.cuts} cuts: ${taken} samples taken and stored`);
  },
);
