import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { parsePolicies, type PolicyDocument } from "../model/policy_file.ts";
import { noLoss } from "../model/profile.ts";
import type { Task } from "../model/task.ts";
import type { ProfileOutcome, Profiler, RunControl } from "./profile/profiler.ts";
import { TaskRunner } from "./task_runner.ts";
import type { TaskPlan } from "./trigger.ts";

const [{ policy }] = parsePolicies(`apiVersion: stakeout/v1
kind: Policy
metadata: { name: p }
target: { exe: "*" }
rules: [{ metric: process_cpu, threshold: 80% }]
start: [on_cpu, off_cpu]
duration: 7s
`).documents as [PolicyDocument];

function plan(kinds: TaskPlan["kinds"]): TaskPlan {
  const cause = {
    ...{
      rule: 0,
      metric: "process_cpu",
      uri: "",
      variant: "",
      note: "",
      threshold: 80,
      periodSeconds: 60,
      count: 3,
      reached: 3,
    } as const,
    ...{ slots: [], atBootSeconds: 9 },
  };
  return { id: "a".repeat(32), policy, policyVersion: 2, cause, processes: [], kinds };
}

/** Ends as told, or when it is aborted. */
function profilerThat(outcome: Partial<ProfileOutcome> | Error | "waits"): Profiler {
  return {
    async run(_task, _sink, { signal }) {
      if (outcome instanceof Error) throw outcome;
      if (outcome !== "waits") {
        return { state: "done", message: "", loss: noLoss, endedAtBootNs: 12e9, ...outcome };
      }
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { state: "stopped", message: "", loss: noLoss, endedAtBootNs: 12e9 };
    },
  };
}

function newRunner(profilers: Record<string, Profiler>) {
  const reported: Task[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  let nowNs = 5e9;
  const runner = new TaskRunner({
    profilers: new Map(Object.entries(profilers)) as Map<"on_cpu" | "off_cpu", Profiler>,
    ...{ host: "h", bootNs: () => nowNs += 1e9, logger: silentLogger },
    onTask: (task) => Promise.resolve(void reported.push(task)),
    onChunk: () => Promise.resolve(),
    onEnded: resolve,
  });
  return { runner, reported, ended };
}

Deno.test("TaskRunner reports a task as running, then as done with the sum of its kinds' counts", async () => {
  const { runner, reported, ended } = newRunner({
    on_cpu: profilerThat({ loss: { ...noLoss, taken: 7, stored: 7 } }),
    off_cpu: profilerThat({ loss: { ...noLoss, taken: 5, stored: 4, lostKernel: 1 } }),
  });
  runner.start(plan(["on_cpu", "off_cpu"]));
  assert.equal(runner.tasks.length, 1);
  assert.equal(await ended, "a".repeat(32));
  assert.deepEqual(reported.map(({ state }) => state), ["running", "done"]);
  assert.deepEqual(reported[1]?.loss, { ...noLoss, taken: 12, stored: 11, lostKernel: 1 });
  assert.equal(reported[0]?.endedAtBootNs, 0);
  assert.equal(reported[1]?.endedAtBootNs, 12e9);
  assert.equal(reported[1]?.durationSeconds, 7);
});

Deno.test("TaskRunner ends a task as done when one of its kinds fails, and says why it failed", async () => {
  const { runner, reported, ended } = newRunner({
    on_cpu: profilerThat({}),
    off_cpu: profilerThat(new Error("no such hook")),
  });
  runner.start(plan(["on_cpu", "off_cpu"]));
  await ended;
  assert.equal(reported[1]?.state, "done");
  assert.match(reported[1]?.message ?? "", /off_cpu: no such hook/);
});

Deno.test("TaskRunner ends a task as failed when all its kinds fail", async () => {
  const { runner, reported, ended } = newRunner({
    on_cpu: profilerThat({ state: "failed", message: "no rights" }),
  });
  runner.start(plan(["on_cpu"]));
  await ended;
  assert.deepEqual([reported[1]?.state, reported[1]?.message], ["failed", "no rights"]);
});

Deno.test("TaskRunner tells a task that a user stopped from one that ends with the agent", async () => {
  for (const end of ["stopped", "agent_stopped"] as const) {
    const { runner, reported, ended } = newRunner({ on_cpu: profilerThat("waits") });
    runner.start(plan(["on_cpu"]));
    if (end === "stopped") assert.ok(runner.stop("a".repeat(32)));
    else await runner.stopAll();
    await ended;
    assert.equal(reported[1]?.state, end);
    assert.equal(runner.stop("a".repeat(32)), false);
  }
});

Deno.test("TaskRunner.extend() lets a task run longer, an hour at most, and reports it", async () => {
  let control: RunControl | undefined;
  const { runner, reported, ended } = newRunner({
    on_cpu: {
      run(task, sink, given) {
        control = given;
        return profilerThat("waits").run(task, sink, given);
      },
    },
  });
  runner.start(plan(["on_cpu"]));
  const id = runner.tasks[0]!.id;
  assert.equal(runner.extend(id, 30), undefined);
  assert.equal(control?.durationSeconds, 37);
  assert.equal(runner.tasks[0]?.durationSeconds, 37);
  assert.match(runner.extend(id, 3_600) ?? "", /3600 s at most; this one has 37/);
  assert.match(runner.extend("f".repeat(32), 1) ?? "", /does not run/);
  runner.stop(id);
  await ended;
  assert.deepEqual(reported.map(({ state, durationSeconds }) => [state, durationSeconds]), [
    ["running", 7],
    ["running", 37],
    ["stopped", 37],
  ]);
});
