import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { silentLogger } from "../../lib/log.ts";
import { ProfileChunkSchema } from "../gen/stakeout/v1/profile_pb.ts";
import { type Task, TaskSchema, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { AgentState } from "./state.ts";
import { TaskJournal } from "./task_journal.ts";

const startedAtUnixMs = 1_700_000_000_000n;

async function readAbandoned(journal: TaskJournal): Promise<Task[]> {
  const tasks: Task[] = [];
  await journal.reportAbandoned((task) => Promise.resolve(tasks.push(task)));
  return tasks;
}

/** Runs `use` with the state of an agent that then ends without a word, and returns what the next one finds. */
async function findAbandoned(use: (journal: TaskJournal) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "stakeout-journal-" });
  try {
    const before = await AgentState.open(`${folder}/agent`, silentLogger);
    await use(new TaskJournal(before));
    await before.close();
    const after = await AgentState.open(`${folder}/agent`, silentLogger);
    const tasks = await readAbandoned(new TaskJournal(after));
    assert.deepEqual(await readAbandoned(new TaskJournal(after)), []);
    await after.close();
    return tasks;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("reportAbandoned() gives a task's counts and end as its last chunk told them when the agent was killed", async () => {
  const [task, ...more] = await findAbandoned(async (journal) => {
    await journal.update(create(TaskSchema, { id: "a", state: TaskState.RUNNING, startedAtUnixMs }));
    await journal.update(create(TaskSchema, { id: "b", state: TaskState.RUNNING, startedAtUnixMs }));
    for (const [number, stored] of [[0, 31n], [1, 11n]] as const) {
      await journal.addChunk(create(ProfileChunkSchema, {
        ...{ taskId: "a", number, seconds: 5, startUnixMs: startedAtUnixMs + BigInt(number * 5000) },
        loss: { taken: stored + 2n, stored, lostKernel: 2n, truncated: 1n },
      }));
    }
    await journal.addChunk(create(ProfileChunkSchema, { taskId: "unknown", seconds: 5 }));
    await journal.update(create(TaskSchema, { id: "b", state: TaskState.DONE }));
  });
  assert.deepEqual(more, []);
  assert.deepEqual([task?.id, task?.state], ["a", TaskState.AGENT_STOPPED]);
  assert.equal(task?.endedAtUnixMs, startedAtUnixMs + 10_000n);
  const { taken, stored, lostKernel, lostAgent, truncated } = task.loss!;
  assert.deepEqual([taken, stored, lostKernel, lostAgent, truncated], [46n, 42n, 4n, 0n, 2n]);
});

Deno.test("reportAbandoned() ends a task when it began when the agent was killed before the first chunk", async () => {
  const [task] = await findAbandoned((journal) =>
    journal.update(create(TaskSchema, { id: "a", state: TaskState.RUNNING, startedAtUnixMs }))
  );
  assert.equal(task?.endedAtUnixMs, startedAtUnixMs);
});

Deno.test("reportAbandoned() hands a task over again when the agent was killed before it was queued", async () => {
  const [task] = await findAbandoned(async (journal) => {
    await journal.update(create(TaskSchema, { id: "a", state: TaskState.RUNNING, startedAtUnixMs }));
    await assert.rejects(journal.reportAbandoned(() => Promise.reject(new Error("Killed"))));
  });
  assert.equal(task?.id, "a");
});
