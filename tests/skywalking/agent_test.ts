/** Protocol-level: the whole agent against an OAP that is played (see OapPlayer). */
import assert from "node:assert/strict";
import { type RunningStakeout, startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder, type TestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { makeCommand } from "./oap_messages.ts";
import { OapPlayer } from "./oap_player.ts";
import { type OapStore, processIdOf } from "./oap_store.ts";

const burnFrames = /^(?:[^;]+;){0,2}(?:main;)?burn;(?:descend;){3}outer(?:;inner_[ab](?:;[^;]+)*)?$/;

/** An agent that reports the burners of a test alone. */
async function startAgent(folder: TestFolder, url: string, service: string): Promise<RunningStakeout> {
  const config = `skywalking: { services: ["${service}*"], duration_seconds: 8, silence_seconds: 3600 }\n`;
  await Deno.writeTextFile(`${folder.path}/stakeout.yaml`, config);
  const place = ["--state", `${folder.path}/state`, "--config", `${folder.path}/stakeout.yaml`];
  const agent = startStakeout(["agent", "--backend", url, ...place], { env: { STAKEOUT_TOKEN: "secret" } });
  await agent.waitForLine(/msg="The agent watches this host"/);
  return agent;
}

/** When the agent wrote a line. */
function timeOf(line: string): number {
  return Date.parse(/ts=(\S+)/.exec(line)![1]!);
}

/** Waits until all samples that the agent says it took are in the OAP's flame graph. */
async function expectWhole(store: OapStore, agent: RunningStakeout, task: string): Promise<void> {
  const ended = await agent.waitForLine(/msg="Task ended"/, 30);
  const taken = Number(/ taken=(\d+)/.exec(ended)![1]);
  const sum = () => [...store.fold(task).values()].reduce((total, count) => total + count, 0);
  await waitFor(() => sum() === taken || undefined, 15);
  assert.equal(sum(), taken, agent.lines.join("\n"));
  assert.ok(taken > 50, `${taken} samples`);
  const stacks = [...store.fold(task)];
  for (const [stack] of stacks) assert.match(stack, burnFrames);
  const inFunction = (name: string) =>
    stacks.reduce((total, [stack, count]) => total + (stack.split(";").includes(name) ? count : 0), 0);
  assert.ok(inFunction("inner_a") > inFunction("inner_b"), JSON.stringify(stacks));
  assert.ok(inFunction("inner_b") > 0, JSON.stringify(stacks));
  assert.deepEqual(store.conflicts, []);
}

testAsRoot(
  "a policy saved in the OAP is judged within a second of its arrival, and its flame graph arrives whole though the OAP ends meanwhile",
  async () => {
    await using folder = await makeTestFolder("oap");
    const burn = `${folder.path}/oapburn`;
    await compileTarget("burn", burn);
    let oap = await OapPlayer.start({ token: "secret" });
    const { port, store } = oap;
    await using agent = await startAgent(folder, oap.url, "oapburn");
    store.save("oapburn", { ON_CPU: { PROCESS_THREAD_COUNT: { Threshold: "99", Period: 5, Count: 3 } } });
    await using target = await startTarget(burn, "2", "2");
    await agent.waitForLine(/msg="A policy of the OAP was taken over" service=oapburn/, 15);
    await sleep(4000);
    const process = [...store.processes.values()].find(({ pid }) => pid === target.pid);
    assert.equal(process?.entity.serviceName, "oapburn");
    const uuid = store.save("oapburn", {
      ON_CPU: { PROCESS_THREAD_COUNT: { Threshold: "2", Period: 5, Count: 3 } },
    });
    const taken = await agent.waitForLine(new RegExp(`uuid=${uuid.slice(0, 12)}`), 15);
    const started = await agent.waitForLine(/msg="Task started"/, 5);
    const lagMs = timeOf(started) - timeOf(taken);
    console.log(`judged ${lagMs} ms after the policy arrived`);
    assert.ok(lagMs >= 0 && lagMs < 1500, `${lagMs} ms`);
    await agent.waitForLine(/msg="The OAP knows a task"/, 15);
    await oap[Symbol.asyncDispose]();
    await agent.waitForLine(/msg="Task ended"/, 30);
    await sleep(1000);
    oap = await OapPlayer.start({ port, store, token: "secret" });

    const [task, ...more] = store.tasks;
    assert.deepEqual(more, []);
    const { serviceName, processName, causes, duration, targetTask } = task as typeof task & {
      targetTask: string;
    };
    assert.deepEqual({ serviceName, processName, causes, duration, targetTask }, {
      ...{ serviceName: "oapburn", processName: "oapburn", duration: 8, targetTask: "onCPU" },
      causes: [{
        ...{ type: "ProcessThreadCount", cause: "singleValue" },
        singleValue: { threshold: 2, current: 2 },
      }],
    });
    await expectWhole(store, agent, task!.taskId);
    const meters = store.meters.filter(({ singleValue }) =>
      singleValue.name === "rover_con_p_process_thread_count"
    );
    assert.ok(meters.length > 1 && meters.every(({ singleValue }) => singleValue.value === 2));
    assert.equal(new Set(meters.map(({ timestamp }) => timestamp)).size, meters.length);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(8), 0);
    await oap[Symbol.asyncDispose]();
  },
);

testAsRoot(
  "profiles that users ask the OAP for are taken at their time, and an OAP that answers nothing holds up no task",
  async () => {
    await using folder = await makeTestFolder("oap");
    const [asked, silent] = [`${folder.path}/oapask`, `${folder.path}/oapasksilent`];
    for (const path of [asked, silent]) await compileTarget("burn", path);
    await using oap = await OapPlayer.start({ token: "secret" });
    const { store } = oap;
    await using agent = await startAgent(folder, oap.url, "oapask");
    store.save("oapasksilent", { ON_CPU: { PROCESS_CPU: { Threshold: "5", Period: 5, Count: 2 } } });
    await using target = await startTarget(asked, "1", "2");
    const known = await waitFor(
      () => [...store.processes.values()].find(({ pid }) => pid === target.pid),
      10,
    );
    assert.ok(known !== undefined, agent.lines.join("\n"));
    const startMs = Date.now() + 11_500;
    const command = (more: Record<string, string>) =>
      makeCommand("EBPFProfilingTaskQuery", {
        ...{ SerialNumber: "1", TaskId: "asked-1", ProcessId: processIdOf(known.entity) },
        ...{ TaskUpdateTime: String(startMs), TriggerType: "FIXED_TIME", TargetType: "ON_CPU" },
        ...{ TaskStartTime: String(startMs), ExtensionConfigJSON: "null", FixedTriggerDuration: "5" },
        ...more,
      });
    const queries: number[] = [];
    oap.overrides.queryTasks = ({ latestUpdateTime }) => {
      queries.push(latestUpdateTime);
      return {
        commands: [
          command({}),
          command({ TaskId: "asked-2", TargetType: "GPU" }),
          command({ TaskId: "asked-3", FixedTriggerDuration: "soon" }),
          command({ TaskId: "asked-4", TaskStartTime: "1000", FixedTriggerDuration: "60" }),
        ],
      };
    };
    const started = await agent.waitForLine(/msg="Task started" .*pids=\d+/, 30);
    assert.ok(timeOf(started) >= startMs, `${timeOf(started) - startMs} ms after its time`);
    assert.ok(timeOf(started) < startMs + 3000, `${timeOf(started) - startMs} ms after its time`);
    await expectWhole(store, agent, "asked-1");
    assert.deepEqual(store.tasks, []);
    assert.deepEqual([queries[0], queries.at(-1)], [0, startMs]);
    const refused = agent.lines.filter((line) => line.includes("is not taken"));
    assert.match(
      refused.join("\n"),
      /TargetType \\"GPU\\" is not known here[\s\S]*FixedTriggerDuration is no time/,
    );
    assert.equal(agent.lines.filter((line) => line.includes("Task started")).length, 1);

    for (const method of ["queryPolicies", "queryTasks", "reportProcesses", "reportProfilingTask"] as const) {
      oap.overrides[method] = () => "silence";
    }
    await using _other = await startTarget(silent, "1", "2");
    await sleep(500);
    oap.overrides.queryPolicies = (query) => store.queryPolicies(query);
    await agent.waitForLine(/msg="Task started" .*service=oapasksilent/, 25);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(8), 0);
  },
);
