import assert from "node:assert/strict";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ProcessSchema } from "../gen/stakeout/v1/process_pb.ts";
import { ProfileKind, RefusalSchema, SlotState, TaskSchema, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import type { Cause } from "../model/cause.ts";
import type { Process } from "../model/process.ts";
import type { Task } from "../model/task.ts";
import { toWireProcess, toWireRefusal, toWireTask } from "./wire.ts";

const offsetMs = 1_700_000_000_000;

function unixMs(atBootNs: number): number {
  return offsetMs + atBootNs / 1e6;
}

const process: Process = {
  id: "12345678-abc-42",
  pid: 42,
  parentPid: 1,
  startBootNs: 5e9,
  name: "a\ud800",
  exe: "/bin/a",
  service: "checkout",
  instance: "host",
  cgroup: "/a",
  uid: 1000,
  containerId: "",
  labels: { tier: "web" },
};
const cause: Cause = {
  rule: 1,
  metric: "process_cpu",
  uri: "",
  variant: "",
  note: "",
  threshold: 80,
  periodSeconds: 3,
  count: 1,
  reached: 2,
  slots: [{ state: "empty", value: 0 }, { state: "value", value: 90.5 }, { state: "partial", value: 100 }],
  atBootSeconds: 60,
};
const task: Task = {
  id: "0".repeat(32),
  policy: "p",
  policyVersion: 3,
  processes: [process],
  host: "host",
  cause,
  kinds: ["on_cpu", "network"],
  state: "target_exited",
  message: "",
  startedAtBootNs: 61e9,
  endedAtBootNs: 0,
  durationSeconds: 600,
  frequencyHz: 99,
  offCpuMinimumNs: 1_000_000,
  loss: { taken: 5, stored: 3, lostKernel: 1, lostAgent: 1, truncated: 2 },
};

Deno.test("toWireTask() carries every field, with boot time as wall time", () => {
  const wire = fromBinary(TaskSchema, toBinary(TaskSchema, toWireTask(task, "agent", unixMs)));
  assert.deepEqual(wire.kinds, [ProfileKind.ON_CPU, ProfileKind.NETWORK]);
  assert.equal(wire.state, TaskState.TARGET_EXITED);
  assert.deepEqual([wire.processIds, wire.services, wire.instances, wire.pids, wire.exes], [
    [process.id],
    ["checkout"],
    ["host"],
    [42],
    ["/bin/a"],
  ]);
  assert.equal(wire.startedAtUnixMs, BigInt(offsetMs + 61_000));
  assert.equal(wire.endedAtUnixMs, 0n);
  assert.deepEqual([
    wire.agentId,
    wire.policy,
    wire.policyVersion,
    wire.host,
    wire.durationSeconds,
    wire.frequencyHz,
  ], [
    "agent",
    "p",
    3,
    "host",
    600,
    99,
  ]);
  const { taken, stored, lostKernel, lostAgent, truncated } = wire.loss ?? assert.fail();
  assert.deepEqual([taken, stored, lostKernel, lostAgent, truncated], [5n, 3n, 1n, 1n, 2n]);
  assert.equal(wire.cause?.atUnixMs, BigInt(offsetMs + 60_000));
  assert.deepEqual([wire.cause.rule, wire.cause.metric, wire.cause.threshold, wire.cause.reached], [
    1,
    "process_cpu",
    80,
    2,
  ]);
  assert.deepEqual(wire.cause.slots.map(({ state, value }) => [state, value]), [
    [SlotState.UNSPECIFIED, 0],
    [SlotState.VALUE, 90.5],
    [SlotState.PARTIAL, 100],
  ]);
});

Deno.test("toWireProcess() makes a name with a lone surrogate fit to be sent", () => {
  const wire = fromBinary(ProcessSchema, toBinary(ProcessSchema, toWireProcess(process, unixMs)));
  assert.equal(wire.name, "a\ufffd");
  assert.equal(wire.startedAtUnixMs, BigInt(offsetMs + 5_000));
  assert.deepEqual({ ...wire.labels }, { tier: "web" });
});

Deno.test("toWireRefusal() names no process when the rule is host-wide", () => {
  const wire = toWireRefusal({
    policy: "p",
    reason: "silence",
    message: "The policy is silent until 12:00.",
    count: 4,
    firstAtBootNs: 1e9,
    lastAtBootNs: 4e9,
    cause,
  }, unixMs);
  const read = fromBinary(RefusalSchema, toBinary(RefusalSchema, wire));
  assert.deepEqual([read.processId, read.service, read.count], ["", "", 4]);
  assert.deepEqual([read.firstAtUnixMs, read.lastAtUnixMs], [
    BigInt(offsetMs + 1000),
    BigInt(offsetMs + 4000),
  ]);
});
