import assert from "node:assert/strict";
import { policyText } from "../support/policy_text.ts";
import { sumFolded } from "../support/pprof_top.ts";
import { SplitHost } from "../support/split_host.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

testAsRoot("a task is whole and there once when the backend is killed during it and afterwards", async () => {
  await using folder = await makeTestFolder("outage");
  const host = new SplitHost(folder.path);
  const burn = `${folder.path}/burn`;
  await compileTarget("burn", burn);
  await using first = await host.startServer();
  await host.apply(policyText("hot", burn, { duration: "18s" }));
  await using agent = await host.startAgent();
  await agent.waitForLine(/msg="Policies are in step/);
  await using _target = await startTarget(burn, "2", "3");
  await agent.waitForLine(/msg="Task started" .*policy=hot/);
  // Away while the second chunk is written, back before the third.
  await sleep(6000);
  first.kill("SIGKILL");
  await first.ended();
  await sleep(6000);
  await using second = await host.startServer();
  const ended = await agent.waitForLine(/msg="Task ended"/, 40);
  const task = await host.waitForFinalTask(45);
  assert.equal(task.state, "done");
  assert.equal(task.message, "");
  const loss = task.loss!;
  assert.equal(loss.taken, Number(/taken=(\d+)/.exec(ended)![1]));
  assert.equal(loss.taken, loss.stored + loss.lostKernel + loss.lostAgent);
  assert.ok(loss.taken > 99 * 5, `${loss.taken} samples`);
  const exported = await host.run("task", "export", task.id, "--format", "folded", "-o", "-");
  assert.equal(sumFolded(exported), loss.stored);

  second.kill("SIGKILL");
  await second.ended();
  await using _third = await host.startServer();
  assert.deepEqual(await host.tasks(), [task]);
  assert.equal(await host.run("task", "export", task.id, "--format", "folded", "-o", "-"), exported);
  agent.kill("SIGTERM");
  assert.equal(await agent.ended(8), 0);
  assert.deepEqual(agent.lines.filter((line) => /level=error|\bat .*\.ts:\d+/.test(line)), []);
});
