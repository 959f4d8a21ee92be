import assert from "node:assert/strict";
import {
  expectGone,
  isRunning,
  listHeldObjects,
  listTree,
  waitUntilItProfiles,
} from "../support/bpf_objects.ts";
import { policyText } from "../support/policy_text.ts";
import {
  agentCapabilities,
  fourCapabilities,
  fourCapabilitiesMask,
  nobody,
  nobodyWith,
  readThreadRights,
} from "../support/rights.ts";
import { runStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { type RunningUp, startUp } from "../support/up.ts";
import { sleep, waitFor } from "../support/wait.ts";

/** Starts a program that trips a policy of `up`, and waits until its profile is taken. */
async function profileSomething({ up, agentPid }: RunningUp, folder: string) {
  const burn = `${folder}/burn`;
  await compileTarget("burn", burn);
  await Deno.writeTextFile(`${folder}/policy.yaml`, policyText("hot", burn, { duration: "10m" }));
  const applied = await runStakeout([
    "policy",
    "apply",
    "-f",
    `${folder}/policy.yaml`,
    "--state",
    `${folder}/state`,
  ]);
  assert.equal(applied.code, 0, applied.errors.join("\n"));
  const target = await startTarget(burn, "1");
  await up.waitForLine(/msg="Task started" .*policy=hot/);
  await waitUntilItProfiles(agentPid);
  return target;
}

/** The processes of `up` while it profiles: itself, agent, server and naming child; the one that compiles unwind tables goes soon. */
async function listSettledTree(pid: number): Promise<number[]> {
  const settled = await waitFor(() => {
    const pids = listTree(pid);
    return pids.length === 4 ? pids : undefined;
  }, 20);
  assert.ok(settled !== undefined, `${listTree(pid)}`);
  return settled;
}

testAsRoot(
  "no thread of up's processes has a right that it does not need, or can gain one, when root starts it",
  async () => {
    await using folder = await makeTestFolder("up");
    const running = await startUp(`${folder.path}/state`);
    const { up, agentPid, serverPid } = running;
    await using _up = up;
    await using _target = await profileSomething(running, folder.path);
    const pids = await listSettledTree(up.pid);
    const naming = pids.filter((pid) => ![up.pid, agentPid, serverPid].includes(pid));

    for (const pid of [up.pid, serverPid]) {
      const threads = readThreadRights(pid);
      assert.ok(threads.length > 1);
      for (const { uid, effective, permitted } of threads) {
        assert.deepEqual({ uid, effective, permitted }, { uid: "65534", effective: 0n, permitted: 0n });
      }
    }
    for (const { bounding, noNewPrivileges } of readThreadRights(serverPid)) {
      assert.deepEqual({ bounding, noNewPrivileges }, { bounding: 0n, noNewPrivileges: true });
    }
    for (const pid of [agentPid, naming[0]!]) {
      for (const { uid, effective, permitted, bounding, noNewPrivileges } of readThreadRights(pid)) {
        assert.deepEqual({ uid, effective, permitted, bounding, noNewPrivileges }, {
          ...{ uid: "0", noNewPrivileges: true },
          ...{ effective: agentCapabilities, permitted: agentCapabilities, bounding: agentCapabilities },
        });
      }
    }
  },
);

testAsRoot(
  "up gives its server none of the four capabilities that it was started with as nobody",
  async () => {
    await using folder = await makeTestFolder("up");
    const state = `${folder.path}/state`;
    await Deno.mkdir(state, { mode: 0o700 });
    await Deno.chown(state, nobody, nobody);
    const { up, agentPid, serverPid } = await startUp(state, nobodyWith(fourCapabilities));
    await using _up = up;
    for (const { effective, permitted } of readThreadRights(agentPid)) {
      assert.deepEqual([effective, permitted], [fourCapabilitiesMask, fourCapabilitiesMask]);
    }
    for (const { effective, permitted, noNewPrivileges } of readThreadRights(serverPid)) {
      assert.deepEqual([effective, permitted, noNewPrivileges], [0n, 0n, true]);
    }
    up.kill("SIGTERM");
    assert.equal(await up.ended(5), 0);
  },
);

testAsRoot("none of up's processes is listed among those that policies match", async () => {
  await using folder = await makeTestFolder("up");
  const running = await startUp(`${folder.path}/state`);
  await using up = running.up;
  await using target = await profileSomething(running, folder.path);
  const own = await listSettledTree(up.pid);
  const url = (await Deno.readTextFile(`${folder.path}/state/url`)).trim();
  const token = (await Deno.readTextFile(`${folder.path}/state/token`)).trim();
  async function listPids(): Promise<number[]> {
    const reply = await fetch(`${url}/stakeout.v1.QueryService/ListProcesses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ limit: 1000 }),
    });
    const { processes } = await reply.json();
    return processes.map(({ process }: { process: { pid: number } }) => process.pid);
  }
  // Who began after all of them is told of after all of them.
  await using witness = await startTarget("sh", "-c", "echo; exec sleep 60");
  const pids = await waitFor(async () => {
    const listed = await listPids();
    return listed.includes(witness.pid) ? listed : undefined;
  }, 15);
  assert.ok(pids !== undefined && pids.includes(target.pid) && pids.includes(Deno.pid), `${pids}`);
  assert.deepEqual(pids.filter((pid) => own.includes(pid)), []);
});

testAsRoot(
  "none of up's processes outlives another that is killed, and the same state is taken up again",
  async () => {
    await using folder = await makeTestFolder("up");
    for (const victim of ["up", "agent", "server"] as const) {
      const { up, agentPid, serverPid } = await startUp(`${folder.path}/state`);
      await using _up = up;
      const held = listHeldObjects(up.pid);
      assert.ok(held.programs.length > 0);
      Deno.kill({ up: up.pid, agent: agentPid, server: serverPid }[victim], "SIGKILL");
      assert.equal(await up.ended(5), victim === "up" ? 137 : 1);
      for (const pid of [agentPid, serverPid]) {
        assert.ok(await waitFor(() => !isRunning(pid) || undefined, 5), `${pid} outlived ${victim}`);
      }
      await expectGone(held);
      if (victim === "up") continue;
      const other = victim === "agent" ? "server" : "agent";
      await up.waitForLine(new RegExp(`^error: The ${victim} ended by SIGKILL, and the ${other} with it; `));
    }
  },
);

testAsRoot(
  "up ends in order, with what its task took, when its whole process group is interrupted twice",
  async () => {
    await using folder = await makeTestFolder("up");
    const running = await startUp(`${folder.path}/state`);
    const { up, agentPid, serverPid } = running;
    await using _up = up;
    await using _target = await profileSomething(running, folder.path);
    // Samples for a task that ends early.
    await sleep(2000);
    // As a terminal does, but that ours is not one and has no group of its own: the children first.
    for (const pid of [agentPid, serverPid, up.pid]) Deno.kill(pid, "SIGINT");
    for (const pid of [agentPid, serverPid]) Deno.kill(pid, "SIGINT");
    assert.equal(await up.ended(8), 0);
    const ended = up.lines.findIndex((line) => /msg="Task ended"/.test(line));
    const served = up.lines.findIndex((line) => /msg="The backend ends"/.test(line));
    assert.ok(ended >= 0 && served > ended, up.lines.join("\n"));

    const again = await startUp(`${folder.path}/state`);
    await using _again = again.up;
    const { stdout } = await runStakeout([
      "task",
      "list",
      "--output",
      "json",
      "--state",
      `${folder.path}/state`,
    ]);
    const [task, ...more] = JSON.parse(stdout);
    assert.deepEqual([more.length, task.policy, task.state], [0, "hot", "agent_stopped"]);
    assert.equal(task.loss.taken, task.loss.stored + task.loss.lostKernel + task.loss.lostAgent);
    assert.ok(task.loss.stored > 0);
  },
);
