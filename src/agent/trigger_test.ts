import assert from "node:assert/strict";
import fc from "fast-check";
import type { Cause } from "../model/cause.ts";
import { type Policy, policyDefaults, type ProfileKind } from "../model/policy.ts";
import type { Process } from "../model/process.ts";
import { type ManualStart, type TaskPlan, Trigger, type Trip } from "./trigger.ts";

function makePolicy(name: string, start: ProfileKind[], silenceSeconds: number): Policy {
  return { ...policyDefaults, name, target: { service: "*", labels: {} }, rules: [], start, silenceSeconds };
}

function makeProcess(pid: number, exe = `/bin/${pid}`): Process {
  const rest = { parentPid: 1, startBootNs: 1, name: "p", cgroup: "", uid: 0, containerId: "", labels: {} };
  return { id: `p-${pid}`, pid, exe, service: "s", instance: "i", ...rest };
}

function makeCause(rule = 0): Cause {
  const rest = { threshold: 80, periodSeconds: 2, count: 1, reached: 1, slots: [], atBootSeconds: 0 };
  return { rule, metric: "process_cpu", uri: "", variant: "", note: "", ...rest };
}

function makeTrip(policy: Policy, process: Process, rule = 0): Trip {
  return { policy, policyVersion: 1, cause: makeCause(rule), process };
}

function makeHostTrip(policy: Policy, uses: [Process, number][]): Trip {
  const candidates = uses.map(([process, cpuUse]) => ({ process, cpuUse }));
  return { policy, policyVersion: 1, cause: makeCause(), candidates };
}

function makeTrigger(unsupported = new Map<ProfileKind, string>()) {
  let made = 0;
  return new Trigger({ makeTaskId: () => (++made).toString(16).padStart(32, "0"), unsupported });
}

const cpu = makePolicy("cpu", ["on_cpu"], 60);
const both = makePolicy("both", ["on_cpu", "network"], 60);
const a = makeProcess(1);
const b = makeProcess(2);
const c = makeProcess(3);
const byHand: ManualStart = {
  processes: [a],
  kinds: ["on_cpu"],
  durationSeconds: 30,
  frequencyHz: 49,
  offCpuMinimumNs: 7,
};

Deno.test("Trigger.judge() starts a task at once and is silent until its silence ends", () => {
  const trigger = makeTrigger();
  const first = trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 100 });
  assert.deepEqual(first.refusals, []);
  assert.deepEqual(first.starts, [{
    id: "1".padStart(32, "0"),
    policy: cpu,
    policyVersion: 1,
    cause: makeCause(),
    processes: [a],
    kinds: ["on_cpu"],
  }]);
  trigger.taskEnded("1".padStart(32, "0"));
  for (let at = 101; at < 160; at++) {
    assert.deepEqual(trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: at }), {
      starts: [],
      refusals: [],
    });
  }
  assert.equal(trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 160 }).starts.length, 1);
});

Deno.test("Trigger.judge() stays silent while the task runs when silence is shorter", () => {
  const trigger = makeTrigger();
  const short = makePolicy("short", ["on_cpu"], 0);
  const [task] = trigger.judge({ trips: [makeTrip(short, a)], atBootSeconds: 100 }).starts;
  const other = makePolicy("other", ["on_cpu"], 0);
  const { starts, refusals } = trigger.judge({ trips: [makeTrip(other, a)], atBootSeconds: 101 });
  assert.equal(starts.length, 0);
  assert.equal(refusals[0]?.reason, "silence");
  assert.equal(
    refusals[0]?.message,
    "on_cpu of this executable is silent in its instance until the task that runs has ended",
  );
  trigger.taskEnded(task!.id);
  assert.equal(trigger.judge({ trips: [makeTrip(other, a)], atBootSeconds: 102 }).starts.length, 1);
});

Deno.test("Trigger.judge() keeps silence when the process is a new one of the same executable and instance", () => {
  const trigger = makeTrigger();
  trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 100 });
  const again = makeProcess(9, a.exe);
  assert.equal(
    trigger.judge({ trips: [makeTrip(cpu, again)], atBootSeconds: 110 }).refusals[0]?.reason,
    "silence",
  );
});

Deno.test("Trigger.judge() starts only the kinds that are not silent", () => {
  const trigger = makeTrigger();
  trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 100 });
  const { starts } = trigger.judge({ trips: [makeTrip(both, a)], atBootSeconds: 101 });
  assert.deepEqual(starts[0]?.kinds, ["network"]);
});

Deno.test("Trigger.judge() leaves unsupported kinds out and refuses when none is left", () => {
  const trigger = makeTrigger(new Map([["network", "not in this version"]]));
  assert.deepEqual(trigger.judge({ trips: [makeTrip(both, a)], atBootSeconds: 1 }).starts[0]?.kinds, [
    "on_cpu",
  ]);
  const network = makePolicy("network", ["network"], 60);
  const { refusals } = trigger.judge({ trips: [makeTrip(network, b)], atBootSeconds: 2 });
  assert.equal(refusals[0]?.reason, "unsupported");
  assert.equal(refusals[0]?.message, "This host cannot take the profile (network: not in this version)");
});

Deno.test("Trigger.judge() runs two tasks and records every other one of 100 processes once", () => {
  const trigger = makeTrigger();
  const trips = Array.from({ length: 100 }, (_, index) => makeTrip(cpu, makeProcess(index + 1)));
  const first = trigger.judge({ trips, atBootSeconds: 100 });
  assert.equal(first.starts.length, 2);
  assert.equal(first.refusals.length, 98);
  assert.ok(first.refusals.every(({ reason, count }) => reason === "concurrency" && count === 1));
  assert.deepEqual(trigger.judge({ trips, atBootSeconds: 101 }), { starts: [], refusals: [] });

  trigger.taskEnded(first.starts[0]!.id);
  const freed = trigger.judge({ trips, atBootSeconds: 102 });
  assert.deepEqual(freed.starts.map(({ processes }) => processes[0]?.pid), [3]);
  assert.deepEqual(freed.refusals.map(({ key, count }) => [key, count]), [[first.refusals[0]?.key, 2]]);

  const ended = trigger.judge({ trips: [], atBootSeconds: 103 });
  assert.equal(ended.refusals.length, 97);
  assert.deepEqual(
    ended.refusals.map((
      { key, count, firstAtBootNs, lastAtBootNs },
    ) => [key, count, firstAtBootNs, lastAtBootNs])[0],
    [first.refusals[1]?.key, 3, 100e9, 102e9],
  );
  assert.deepEqual(trigger.judge({ trips: [], atBootSeconds: 104 }), { starts: [], refusals: [] });
});

Deno.test("Trigger.judge() refuses for the budget with its reason", () => {
  const trigger = makeTrigger();
  const tick = {
    trips: [makeTrip(cpu, a)],
    atBootSeconds: 1,
    overBudget: "The agent used 6 % of a core for 5 s",
  };
  const { refusals } = trigger.judge(tick);
  assert.deepEqual([refusals[0]?.reason, refusals[0]?.message], ["budget", tick.overBudget]);
  assert.equal(trigger.judge({ trips: tick.trips, atBootSeconds: 2 }).starts.length, 1);
});

Deno.test("Trigger.judge() starts one task over the two busiest processes when the rule is host-wide", () => {
  const trigger = makeTrigger();
  const load = makePolicy("load", ["on_cpu"], 60);
  const { starts } = trigger.judge({
    trips: [makeHostTrip(load, [[a, 1], [b, 30], [c, 20]])],
    atBootSeconds: 100,
  });
  assert.deepEqual(starts.map(({ processes }) => processes), [[b, c]]);
  trigger.taskEnded(starts[0]!.id);
  const later = trigger.judge({
    trips: [makeHostTrip(load, [[a, 90]]), makeTrip(load, a, 1)],
    atBootSeconds: 110,
  });
  assert.equal(later.starts.length, 0);
  assert.equal(
    later.refusals[0]?.message,
    "The policy started a task for the whole host; it is silent for another 50 s",
  );
  assert.equal(
    trigger.judge({ trips: [makeHostTrip(load, [[a, 90]])], atBootSeconds: 160 }).starts.length,
    1,
  );
});

Deno.test("Trigger.judge() keeps a host-wide policy silent while its task runs", () => {
  const trigger = makeTrigger();
  const load = makePolicy("load", ["on_cpu"], 0);
  trigger.judge({ trips: [makeHostTrip(load, [[a, 1]])], atBootSeconds: 100 });
  const { starts, refusals } = trigger.judge({ trips: [makeHostTrip(load, [[b, 9]])], atBootSeconds: 101 });
  assert.deepEqual([starts, refusals], [[], []]);
  trigger.taskEnded("1".padStart(32, "0"));
  assert.equal(trigger.judge({ trips: [makeHostTrip(load, [[b, 9]])], atBootSeconds: 102 }).starts.length, 1);
});

Deno.test("Trigger.judge() leaves a silent process out of a host-wide task", () => {
  const trigger = makeTrigger();
  trigger.judge({ trips: [makeTrip(cpu, b)], atBootSeconds: 100 });
  const load = makePolicy("load", ["on_cpu", "network"], 60);
  const { starts } = trigger.judge({
    trips: [makeHostTrip(load, [[b, 9], [a, 5], [c, 1]])],
    atBootSeconds: 101,
  });
  assert.deepEqual(starts.map(({ processes, kinds }) => [processes, kinds]), [[[b, a], ["network"]]]);
  assert.deepEqual(trigger.judge({ trips: [makeHostTrip(cpu, [])], atBootSeconds: 102 }).refusals, []);
});

Deno.test("Trigger.restore() keeps silence when the agent has restarted", () => {
  const before = makeTrigger();
  before.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 100 });
  const state = JSON.parse(JSON.stringify(before.exportState(110, 0)));
  const after = makeTrigger();
  after.restore(state, 5, 120_000 - 5000);
  assert.equal(after.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 44 }).starts.length, 0);
  assert.equal(after.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 45 }).starts.length, 1);
});

interface ModelStep {
  tripped: boolean[];
  endFirst: boolean;
  overBudget: boolean;
}

/** Lives one random minute of six rules and checks every decision against plain bookkeeping. */
function runModel(steps: ModelStep[]): void {
  const policies = [makePolicy("x", ["on_cpu"], 7), makePolicy("y", ["on_cpu", "off_cpu"], 3)];
  const rules = policies.flatMap((policy) =>
    [a, makeProcess(4, a.exe), b].map((process) => makeTrip(policy, process))
  );
  const trigger = makeTrigger();
  const running: TaskPlan[] = [];
  const silentUntil = new Map<string, number>();
  const isSilent = (exe: string, kind: ProfileKind, at: number) =>
    at < (silentUntil.get(`${exe} ${kind}`) ?? 0) ||
    running.some(({ processes, kinds }) => processes[0]?.exe === exe && kinds.includes(kind));
  const open = rules.map(() => false);

  for (const [at, { tripped, endFirst, overBudget }] of steps.entries()) {
    const ended = endFirst ? running.shift() : undefined;
    if (ended !== undefined) trigger.taskEnded(ended.id);
    const trips = rules.filter((_, index) => tripped[index]);
    const tick = { trips, atBootSeconds: at + 1, ...(overBudget ? { overBudget: "busy" } : {}) };
    const { starts, refusals } = trigger.judge(tick);
    for (const start of starts) {
      const { exe } = start.processes[0]!;
      assert.ok(!overBudget && start.kinds.length > 0);
      for (const kind of start.kinds) assert.ok(!isSilent(exe, kind, at), "a task within silence");
      running.push(start);
      for (const kind of start.kinds) silentUntil.set(`${exe} ${kind}`, at + start.policy.silenceSeconds);
    }
    assert.ok(running.length <= 2, "more than two tasks");
    for (const [index, rule] of rules.entries()) {
      const start = starts.find(({ policy, processes }) =>
        policy === rule.policy && processes[0] === rule.process
      );
      const records = refusals.filter(({ policy, process }) =>
        policy === rule.policy.name && process === rule.process
      );
      if (!tripped[index]) {
        assert.ok(start === undefined && records.every(({ count }) => count > 1));
        open[index] = false;
        continue;
      }
      const fresh = records.filter(({ count }) => count === 1).length;
      if (!open[index]) {
        assert.equal(fresh + (start === undefined ? 0 : 1), 1, "an edge without its one outcome");
      } else assert.equal(fresh, 0, "a second record in an episode");
      open[index] = true;
      if (start === undefined) {
        const held = overBudget || running.length === 2 ||
          rule.policy.start.every((kind) => isSilent(rule.process!.exe, kind, at));
        assert.ok(held, "a trip that nothing held back");
      }
    }
  }
}

Deno.test("Trigger keeps its promises over random minutes", () => {
  const step = fc.record({
    tripped: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    endFirst: fc.boolean(),
    overBudget: fc.nat(9).map((one) => one === 0),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), runModel), { numRuns: 1500, seed: 14 });
});

Deno.test("Trigger.admitManual() starts a task whatever is silent, and is not silent after it", () => {
  const trigger = makeTrigger();
  trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 100 });
  trigger.taskEnded("1".padStart(32, "0"));
  const plan = trigger.admitManual({ ...byHand, processes: [a] });
  assert.ok("id" in plan);
  assert.deepEqual([plan.policy.name, plan.policy.durationSeconds, plan.cause], ["", 30, undefined]);
  assert.deepEqual([plan.policy.onCpu.frequencyHz, plan.policy.offCpu.minimumNs], [49, 7]);
  trigger.taskEnded(plan.id);
  assert.ok("id" in trigger.admitManual({ ...byHand, processes: [b] }));
  trigger.taskEnded("3".padStart(32, "0"));
  // b was profiled by hand: a policy may start at once.
  assert.equal(trigger.judge({ trips: [makeTrip(cpu, b)], atBootSeconds: 101 }).starts.length, 1);
});

Deno.test("Trigger.admitManual() refuses a third task, the same kind twice, what is not supported, and beyond the budget", () => {
  const trigger = makeTrigger(new Map([["network", "no hook"]]));
  assert.ok("id" in trigger.admitManual({ ...byHand, processes: [a] }));
  const reasonOf = (start: Partial<ManualStart>, overBudget?: string) => {
    const decision = trigger.admitManual({ ...byHand, processes: [b], ...start }, overBudget);
    return "id" in decision ? "" : `${decision.reason}: ${decision.message}`;
  };
  assert.match(reasonOf({ processes: [a] }), /^concurrency: A task of this kind runs/);
  assert.match(reasonOf({ kinds: ["network"] }), /^unsupported: .*network: no hook/);
  assert.equal(reasonOf({}, "No task starts: too dear"), "budget: No task starts: too dear");
  assert.equal(reasonOf({ kinds: ["off_cpu"] }), "");
  assert.equal(reasonOf({ processes: [c] }), "concurrency: 2 tasks run on this host already");
  // While one runs, policies are held against it.
  assert.equal(trigger.judge({ trips: [makeTrip(cpu, a)], atBootSeconds: 5 }).refusals[0]?.reason, "silence");
});
