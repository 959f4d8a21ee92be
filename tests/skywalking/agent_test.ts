/** Protocol-level: the whole agent against an OAP that is played (see OapPlayer). */
import assert from "node:assert/strict";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { expectWhole, startOapAgent, timeOf } from "./agent_process.ts";
import { OapPlayer } from "./oap_player.ts";

testAsRoot(
  "a policy saved in the OAP is judged within a second of its arrival, and its flame graph arrives whole though the OAP ends meanwhile",
  async () => {
    await using folder = await makeTestFolder("oap");
    const burn = `${folder.path}/oapburn`;
    await compileTarget("burn", burn);
    let oap = await OapPlayer.start({ token: "secret" });
    const { port, store } = oap;
    await using agent = await startOapAgent(folder, oap.url, "oapburn");
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
    await expectWhole(store, agent, { task: task!.taskId, pid: target.pid });
    const findMeters = () =>
      store.meters.filter(({ singleValue }) => singleValue?.name === "rover_con_p_process_thread_count");
    await waitFor(() => findMeters().length > 1 || undefined, 15);
    const meters = findMeters();
    assert.ok(meters.length > 1 && meters.every(({ singleValue }) => singleValue?.value === 2));
    assert.equal(new Set(meters.map(({ timestamp }) => timestamp)).size, meters.length);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
    await oap[Symbol.asyncDispose]();
  },
);
