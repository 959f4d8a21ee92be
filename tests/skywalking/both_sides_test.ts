/** The whole agent, as SkyWalking's, against the whole backend, as an OAP: real processes and stacks, nothing is played. */
import assert from "node:assert/strict";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";
import { QueryService } from "../../src/gen/stakeout/v1/query_service_pb.ts";
import { ProfileKind } from "../../src/gen/stakeout/v1/task_pb.ts";
import { TaskService } from "../../src/gen/stakeout/v1/task_service_pb.ts";
import { startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { waitFor } from "../support/wait.ts";
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
