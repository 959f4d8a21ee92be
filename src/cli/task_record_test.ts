import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ProfileKind, SlotState, TaskSchema, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { taskStates } from "../model/task.ts";
import { findTaskState, toTaskRecord } from "./task_record.ts";

Deno.test("toTaskRecord() names states and kinds, keeps empty slots apart from zero and times in UTC", () => {
  const record = toTaskRecord(create(TaskSchema, {
    id: "ab".repeat(16),
    pids: [4711],
    processIds: ["p"],
    services: ["checkout"],
    instances: ["host"],
    exes: ["/usr/bin/checkout"],
    kinds: [ProfileKind.ON_CPU],
    state: TaskState.TARGET_EXITED,
    startedAtUnixMs: BigInt(Date.UTC(2026, 10, 23, 12)),
    cause: {
      metric: "process_cpu",
      slots: [{ state: SlotState.UNSPECIFIED }, { state: SlotState.VALUE, value: 0 }, {
        state: SlotState.PARTIAL,
        value: 99.5,
      }],
    },
    loss: { taken: 5n, stored: 4n, lostKernel: 1n },
  }));
  assert.equal(record.state, "target_exited");
  assert.deepEqual(record.kinds, ["on_cpu"]);
  assert.equal(record.startedAt, "2026-11-23T12:00:00Z");
  assert.equal(record.endedAt, null);
  assert.deepEqual(record.cause?.slots, [null, 0, 99.5]);
  assert.deepEqual(record.processes, [
    { id: "p", pid: 4711, service: "checkout", instance: "host", exe: "/usr/bin/checkout" },
  ]);
  assert.deepEqual(record.loss, { taken: 5, stored: 4, lostKernel: 1, lostAgent: 0, truncated: 0 });
});

Deno.test("toTaskRecord() tells which requests an HTTP cause is about and what each slot was made of", () => {
  const { cause } = toTaskRecord(create(TaskSchema, {
    cause: {
      metric: "http_error_rate",
      uri: "/api/",
      variant: "prefix 5xx",
      note: "1 of 4 requests was looked at",
      slots: [{}, { state: SlotState.VALUE, value: 25, requests: 8, errors: 2, pending: 1 }],
    },
  }));
  assert.deepEqual([cause?.uri, cause?.variant, cause?.note], [
    "/api/",
    "prefix 5xx",
    "1 of 4 requests was looked at",
  ]);
  assert.deepEqual(cause?.counts, [null, { requests: 8, errors: 2, pending: 1 }]);
  const cpu = toTaskRecord(create(TaskSchema, { cause: { metric: "process_cpu", slots: [{}] } }));
  assert.equal(cpu.cause?.counts, undefined);
});

Deno.test("findTaskState() finds every state by the name that is offered", () => {
  assert.deepEqual(taskStates.map(findTaskState), [
    TaskState.RUNNING,
    TaskState.DONE,
    TaskState.STOPPED,
    TaskState.TARGET_EXITED,
    TaskState.FAILED,
    TaskState.AGENT_STOPPED,
  ]);
  assert.equal(findTaskState("gone"), undefined);
});
