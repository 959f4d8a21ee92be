import assert from "node:assert/strict";
import { policyText } from "../support/policy_text.ts";
import { sumFolded } from "../support/pprof_top.ts";
import {
  agentCapabilities,
  fourCapabilities,
  fourCapabilitiesMask,
  nobody,
  nobodyWith,
  readThreadRights,
} from "../support/rights.ts";
import { SplitHost } from "../support/split_host.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";

testAsRoot(
  "an agent started as root keeps the capabilities it needs alone, and can gain no other, in every thread",
  async () => {
    await using folder = await makeTestFolder("rights");
    const host = new SplitHost(folder.path);
    await using _server = await host.startServer();
    await using agent = await host.startAgent();
    await agent.waitForLine(/msg="Reports reach the backend"/);
    const threads = readThreadRights(agent.pid);
    assert.ok(threads.length > 1);
    for (const { permitted, effective, bounding, noNewPrivileges } of threads) {
      assert.deepEqual({ permitted, effective, bounding, noNewPrivileges }, {
        ...{ permitted: agentCapabilities, effective: agentCapabilities, bounding: agentCapabilities },
        noNewPrivileges: true,
      });
    }
    assert.equal(Deno.readTextFileSync(`/proc/${agent.pid}/comm`), "stakeout\n");
  },
);

testAsRoot(
  "an agent with four capabilities and no other right watches, trips, and names the functions of root's own program",
  async () => {
    await using folder = await makeTestFolder("rights");
    const host = new SplitHost(folder.path);
    // Nobody else may enter the folder or read the file.
    const closed = `${folder.path}/closed`;
    await Deno.mkdir(closed, { mode: 0o700 });
    await compileTarget("burn", `${closed}/burn`);
    await Deno.chmod(`${closed}/burn`, 0o700);
    await Deno.mkdir(`${folder.path}/agent`, { mode: 0o700 });
    await Deno.chown(`${folder.path}/agent`, nobody, nobody);
    await using _server = await host.startServer();
    await host.apply(policyText("hot", `${closed}/burn`, { duration: "6s" }));
    await using agent = await host.startAgent(nobodyWith(fourCapabilities));
    await agent.waitForLine(/msg="Policies are in step/);
    await using target = await startTarget(`${closed}/burn`, "1");
    await agent.waitForLine(/msg="Task started" .*policy=hot/);
    for (const { uid, effective, permitted, bounding } of readThreadRights(agent.pid)) {
      assert.deepEqual({ uid, effective, permitted, bounding }, {
        ...{ uid: `${nobody}`, effective: fourCapabilitiesMask },
        ...{ permitted: fourCapabilitiesMask, bounding: fourCapabilitiesMask },
      });
    }
    const task = await host.waitForFinalTask(60);
    assert.deepEqual([task.state, task.processes.map(({ pid }) => pid)], ["done", [target.pid]]);
    assert.equal(task.loss!.taken, task.loss!.stored + task.loss!.lostKernel + task.loss!.lostAgent);
    const folded = await host.run("task", "export", task.id, "--format", "folded", "-o", "-");
    assert.equal(sumFolded(folded), task.loss!.stored);
    // A fifth of a core tripped it, and that is what it may get on a busy machine.
    assert.ok(sumFolded(folded) > 50, folded);
    assert.match(folded, /;main;burn;descend;outer;inner_a \d+$/m);
    agent.kill("SIGTERM");
    assert.equal(await agent.ended(8), 0);
    assert.deepEqual(agent.lines.filter((line) => /level=error/.test(line)), []);
  },
);
