import assert from "node:assert/strict";
import { expectGone, waitUntilItProfiles } from "../support/bpf_objects.ts";
import { policyText } from "../support/policy_text.ts";
import { sumFolded } from "../support/pprof_top.ts";
import { SplitHost } from "../support/split_host.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

testAsRoot(
  "an agent killed during a task leaves nothing, and goes on with policies and silence, when the backend is away",
  async () => {
    await using folder = await makeTestFolder("restart");
    const host = new SplitHost(folder.path);
    const burn = `${folder.path}/burn`;
    await compileTarget("burn", burn);
    await using server = await host.startServer();
    await host.apply(policyText("hot", burn, { duration: "10m", silence: "10m" }));
    await using agent = await host.startAgent();
    await agent.waitForLine(/msg="Policies are in step/);
    await using _target = await startTarget(burn, "1");
    const started = await agent.waitForLine(/msg="Task started" .*policy=hot/);
    const id = /task=(\w{32})/.exec(started)![1]!;
    const held = await waitUntilItProfiles(agent.pid);
    // Beyond the first chunk, so that the backend has something of the profile.
    await sleep(10_000);

    agent.kill("SIGKILL");
    await agent.ended();
    await expectGone(held);
    assert.deepEqual([...Deno.readDirSync(`${folder.path}/tmp`)].map(({ name }) => name), []);
    const leftOver = [...Deno.readDirSync(`${folder.path}/agent`)].filter(({ name }) =>
      name.endsWith(".tmp")
    );
    assert.deepEqual(leftOver, []);
    server.kill("SIGKILL");
    await server.ended();

    await using restarted = await host.startAgent();
    await restarted.waitForLine(/msg="Task refused" policy=hot reason=silence/);
    await sleep(2000);
    assert.deepEqual(restarted.lines.filter((line) => line.includes("Task started")), []);

    await using _server = await host.startServer();
    const task = await host.waitForFinalTask(45);
    assert.deepEqual([task.id, task.state], [id, "agent_stopped"]);
    assert.match(task.message, /agent ended/);
    const tookSeconds = (Date.parse(task.endedAt!) - Date.parse(task.startedAt)) / 1000;
    assert.ok(tookSeconds >= 4 && tookSeconds <= 15, `${task.startedAt} to ${task.endedAt}`);
    const folded = await host.run("task", "export", id, "--format", "folded", "-o", "-");
    assert.ok(sumFolded(folded) > 99 * 2, folded);
    assert.match(folded, /;inner_a \d+$/m);
    assert.equal(task.loss?.stored, sumFolded(folded));
    restarted.kill("SIGINT");
    assert.equal(await restarted.ended(8), 0);
  },
);
