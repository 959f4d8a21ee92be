/** Protocol-level: the whole agent against an OAP that is played (see OapPlayer). */
import assert from "node:assert/strict";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep, waitFor } from "../support/wait.ts";
import { expectWhole, startOapAgent, timeOf } from "./agent_process.ts";
import { makeCommand } from "./oap_messages.ts";
import { OapPlayer } from "./oap_player.ts";
import { processIdOf } from "./oap_store.ts";

testAsRoot(
  "profiles that users ask the OAP for are taken at their time, and an OAP that answers nothing holds up no task",
  async () => {
    await using folder = await makeTestFolder("oap");
    const [asked, silent] = [`${folder.path}/oapask`, `${folder.path}/oapasksilent`];
    for (const path of [asked, silent]) await compileTarget("burn", path);
    await using oap = await OapPlayer.start({ token: "secret" });
    const { store } = oap;
    await using agent = await startOapAgent(folder, oap.url, "oapask");
    store.save("oapasksilent", { ON_CPU: { PROCESS_CPU: { Threshold: "5", Period: 5, Count: 2 } } });
    await using target = await startTarget(asked, "1", "2");
    await Deno.copyFile("/bin/bash", `${folder.path}/oapaskwait`);
    await using waiting = await startTarget(
      `${folder.path}/oapaskwait`,
      "-c",
      "echo ready; while :; do sleep 0.05; done",
    );
    const find = (pid: number) =>
      waitFor(() => [...store.processes.values()].find((process) => process.pid === pid), 10);
    const waiter = await find(waiting.pid);
    assert.ok(waiter !== undefined, agent.lines.join("\n"));
    const known = await find(target.pid);
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
          command({ TaskId: "asked-off", TargetType: "OFF_CPU", ProcessId: processIdOf(waiter.entity) }),
          command({ TaskId: "asked-2", TargetType: "GPU" }),
          command({ TaskId: "asked-3", FixedTriggerDuration: "soon" }),
          command({ TaskId: "asked-4", TaskStartTime: "1000", FixedTriggerDuration: "60" }),
        ],
      };
    };
    const started = await agent.waitForLine(/msg="Task started" .*pids=\d+/, 30);
    assert.ok(timeOf(started) >= startMs, `${timeOf(started) - startMs} ms after its time`);
    assert.ok(timeOf(started) < startMs + 3000, `${timeOf(started) - startMs} ms after its time`);
    await expectWhole(store, agent, { task: "asked-1", pid: target.pid });
    const waits = await waitFor(() => {
      const rows = [...store.stacks.values()].filter(({ taskId }) => taskId === "asked-off");
      return rows.length > 0 ? rows : undefined;
    }, 15);
    const inWait = (waits ?? []).filter(({ symbols }) => symbols.some((symbol) => symbol.includes("wait4")));
    const switches = inWait.reduce((sum, { datum }) => sum + (datum.offCPU?.switchCount ?? 0), 0);
    const waitedMs = inWait.reduce((sum, { datum }) => sum + (datum.offCPU?.duration ?? 0), 0) / 1e6;
    assert.ok(switches > 10 && switches <= 110, `${switches} waits`);
    assert.ok(waitedMs > 1000 && waitedMs < 7000, `${waitedMs} ms`);
    assert.deepEqual(store.tasks, []);
    await waitFor(() => queries.length > 1 || undefined, 15);
    assert.deepEqual([queries[0], queries.at(-1)], [0, startMs]);
    const refused = agent.lines.filter((line) => line.includes("is not taken"));
    assert.match(
      refused.join("\n"),
      /TargetType \\"GPU\\" is not known here[\s\S]*FixedTriggerDuration is no time/,
    );
    assert.equal(agent.lines.filter((line) => line.includes("Task started")).length, 2);

    for (const method of ["queryPolicies", "queryTasks", "reportProcesses", "reportProfilingTask"] as const) {
      oap.overrides[method] = () => "silence";
    }
    await using _other = await startTarget(silent, "1", "2");
    await sleep(500);
    oap.overrides.queryPolicies = (query) => store.queryPolicies(query);
    await agent.waitForLine(/msg="Task started" .*service=oapasksilent/, 25);
    agent.kill("SIGINT");
    assert.equal(await agent.ended(20), 0);
  },
);
