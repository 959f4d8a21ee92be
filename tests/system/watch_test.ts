import assert from "node:assert/strict";
import { expectGone, waitUntilItProfiles } from "../support/bpf_objects.ts";
import { policyText } from "../support/policy_text.ts";
import { readPprofTop, sumFolded } from "../support/pprof_top.ts";
import { type RunningStakeout, startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

/** Starts watch with the policies of one text, and waits until it watches. */
async function startWatch(folder: string, policies: string): Promise<RunningStakeout> {
  await Deno.writeTextFile(`${folder}/policies.yaml`, policies);
  const watch = startStakeout(["watch", "-f", `${folder}/policies.yaml`, "-o", `${folder}/tasks`]);
  await watch.waitForLine(/^watching \d+ process(es)?$/);
  return watch;
}

// deno-lint-ignore no-explicit-any
async function readTask(folder: string): Promise<any> {
  return JSON.parse(await Deno.readTextFile(`${folder}/task.json`));
}

/** The folder of the next finished task of a policy. */
async function waitForTask(watch: RunningStakeout, policy: string): Promise<string> {
  const line = await watch.waitForLine(new RegExp(`msg="Task written" folder=.*Z-${policy}-\\d+`), 40);
  return /folder=(\S+)/.exec(line)![1]!;
}

testAsRoot(
  "watch writes a task with its cause and a profile that adds up when a process crosses the threshold",
  async () => {
    await using folder = await makeTestFolder("watch");
    const burn = `${folder.path}/burn`;
    await compileTarget("burn", burn);
    const oldest = `${folder.path}/tasks/2020-01-01T000000Z-old-1`;
    const foreign = `${folder.path}/tasks/2020-01-01-notes`;
    for (const path of [oldest, foreign]) {
      await Deno.mkdir(path, { recursive: true });
      await Deno.writeTextFile(`${path}/profile.pb.gz`, "");
      await Deno.truncate(`${path}/profile.pb.gz`, 1024 ** 3);
    }
    await using watch = await startWatch(folder.path, policyText("hot", burn));
    await using target = await startTarget(burn, "1", "2");
    const beforeMs = Date.now();
    await watch.waitForLine(/msg="Task started" .*policy=hot/, 20);
    const lagMs = Date.now() - beforeMs;
    const held = await waitUntilItProfiles(watch.pid);
    const path = await waitForTask(watch, "hot");
    watch.kill("SIGINT");
    assert.equal(await watch.ended(5), 0);
    await expectGone(held);
    assert.ok(
      held.programs.length >= 2 && held.links.length >= 2 && held.perfEvents > 0,
      JSON.stringify(held),
    );
    // Two whole seconds over the threshold, the one it began in, and what a busy machine adds.
    assert.ok(lagMs > 1500 && lagMs < 8000, `started after ${lagMs} ms`);

    const task = await readTask(path);
    assert.match(path, new RegExp(`/\\d{4}-\\d\\d-\\d\\dT\\d{6}Z-hot-${target.pid}$`));
    assert.match(task.id, /^[0-9a-f]{32}$/);
    const { policy, metric, pid, service, state, durationSeconds, kinds, frequencyHz } = task;
    assert.deepEqual({ policy, metric, pid, service, state, durationSeconds, kinds, frequencyHz }, {
      ...{ policy: "hot", metric: "process_cpu", pid: target.pid, service: "burn", state: "done" },
      ...{ durationSeconds: 5, kinds: ["on_cpu"], frequencyHz: 99 },
    });
    assert.notEqual(task.instance, "");
    const tookSeconds = (Date.parse(task.endedAt) - Date.parse(task.startedAt)) / 1000;
    assert.ok(tookSeconds >= 4 && tookSeconds <= 9, `${task.startedAt} to ${task.endedAt}`);
    const { threshold, period, count, reached, slots } = task.cause;
    assert.deepEqual([threshold, period, count, reached, slots.length], [20, 5, 2, 2, 5]);
    assert.equal(slots.filter((value: number | null) => value !== null && value >= 20).length, 2);
    assert.ok(slots.every((value: number | null) => value === null || value >= 0 && value < 120), slots);

    const { taken, stored, lostKernel, lostAgent } = task.loss;
    assert.equal(taken, stored + lostKernel + lostAgent);
    assert.ok(taken > 50 && taken <= 99 * 6, `${taken} samples`);
    assert.equal(sumFolded(await Deno.readTextFile(`${path}/profile.folded`)), stored);
    assert.equal((await readPprofTop(`${path}/profile.pb.gz`))[0]?.name, "inner_a");

    await watch.waitForLine(/removed to stay under the limit.*2020-01-01T000000Z-old-1/);
    const left = [...Deno.readDirSync(`${folder.path}/tasks`)].map(({ name }) => name).sort();
    assert.deepEqual(left, ["2020-01-01-notes", path.slice(path.lastIndexOf("/") + 1)]);
  },
);

testAsRoot(
  "watch runs two tasks at once, refuses a third while they run, and keeps what it has when a process or it itself ends",
  async () => {
    await using folder = await makeTestFolder("watch");
    const paths = ["short", "long", "third"].map((name) => `${folder.path}/${name}`);
    const [short, long, third] = paths as [string, string, string];
    for (const path of paths) await compileTarget("burn", path);
    const policies = paths.map((path) => {
      const text = policyText(path.slice(path.lastIndexOf("/") + 1), path, { duration: "10m" });
      // Three of them share the cores with whatever else runs here.
      return text.replace("20%", "5%");
    }).join("---\n");
    await using watch = await startWatch(folder.path, policies);
    await using shortTarget = await startTarget(short, "1", "1");
    await using _longTarget = await startTarget(long, "1");
    for (const name of ["short", "long"]) {
      await watch.waitForLine(new RegExp(`msg="Task started" .*policy=${name}`), 20);
    }
    await using _thirdTarget = await startTarget(third, "1");
    await watch.waitForLine(/msg="Task refused" policy=third reason=concurrency/, 20);
    await waitUntilItProfiles(watch.pid);
    await sleep(1000);

    Deno.kill(shortTarget.pid, "SIGKILL");
    const ended = await waitForTask(watch, "short");
    assert.equal((await readTask(ended)).state, "target_exited");
    assert.equal((await readPprofTop(`${ended}/profile.pb.gz`))[0]?.name, "inner_a");

    // The third one's turn has come; a signal ends what runs and writes it.
    await watch.waitForLine(/msg="Task started" .*policy=third/, 20);
    watch.kill("SIGTERM");
    assert.equal(await watch.ended(5), 0);
    for (const name of ["long", "third"]) {
      const path = await waitForTask(watch, name);
      const { state, endedAt, loss } = await readTask(path);
      assert.equal(state, "agent_stopped");
      assert.notEqual(endedAt, null);
      assert.equal(loss.taken, loss.stored + loss.lostKernel + loss.lostAgent);
      assert.equal(sumFolded(await Deno.readTextFile(`${path}/profile.folded`)), loss.stored);
    }
  },
);
