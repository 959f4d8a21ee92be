import assert from "node:assert/strict";
import { agentCapabilities, readThreadRights } from "../support/rights.ts";
import { SplitHost } from "../support/split_host.ts";
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
