/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { TaskSchema, TaskState } from "../../gen/stakeout/v1/task_pb.ts";
import { taskProgress } from "./task_progress.ts";

Deno.test("taskProgress() counts on while a task runs, up to its duration", () => {
  const task = create(TaskSchema, { state: TaskState.RUNNING, startedAtUnixMs: 1000n, durationSeconds: 60 });
  assert.deepEqual(taskProgress(task, 13_000), {
    running: true,
    seconds: 12,
    share: 0.2,
    text: "12 s of 1 min",
  });
  assert.equal(taskProgress(task, 999_000).share, 1);
  assert.equal(taskProgress(task, 0).seconds, 0);
});

Deno.test("taskProgress() tells how long a task ran once it ended", () => {
  const task = create(TaskSchema, {
    state: TaskState.TARGET_EXITED,
    startedAtUnixMs: 1000n,
    endedAtUnixMs: 42_000n,
    durationSeconds: 60,
  });
  assert.deepEqual(taskProgress(task, 999_000), { running: false, seconds: 41, share: 1, text: "41 s" });
});
