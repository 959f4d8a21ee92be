import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { NameNoteKind, ProfileChunkSchema, StackEnd } from "../gen/stakeout/v1/profile_pb.ts";
import { ProfileKind, TaskSchema, TaskState } from "../gen/stakeout/v1/task_pb.ts";
import { TaskFolders } from "./task_folders.ts";

function task(id: string, second: number, state: TaskState) {
  return create(TaskSchema, {
    ...{
      id,
      policy: "checkout",
      pids: [4711],
      services: ["shop"],
      instances: ["h"],
      exes: ["/bin/shop"],
      state,
    },
    ...{ processIds: ["p"], frequencyHz: 99, kinds: [ProfileKind.ON_CPU] },
    startedAtUnixMs: BigInt(second * 1000),
    endedAtUnixMs: state === TaskState.RUNNING ? 0n : BigInt((second + 5) * 1000),
  });
}

function chunk(taskId: string, second: number) {
  return create(ProfileChunkSchema, {
    ...{
      taskId,
      kind: ProfileKind.ON_CPU,
      number: 0,
      startUnixMs: BigInt(second * 1000),
      seconds: 5,
      last: true,
    },
    ...{
      strings: ["", "main", "hot"],
      frames: [{ function: 1 }, { function: 2 }],
      stacks: [{ frames: [1, 0], end: StackEnd.WHOLE }],
    },
    ...{ threads: [{ tid: 4711, name: "shop" }], sampleStacks: [0], sampleThreads: [0], sampleSeconds: [0] },
    sampleWeights: [23n],
    nameNotes: [{ processId: "p", kind: NameNoteKind.JAVA_MAP_MISSING }],
  });
}

async function listFolder(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("TaskFolders writes task.json when a task starts and its profile beside it when it ends", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const folders = new TaskFolders(folder, silentLogger);
    await folders.putTask(task("a", 86_400, TaskState.RUNNING));
    const path = `${folder}/1970-01-02T000000Z-checkout-4711`;
    assert.deepEqual(await listFolder(path), ["task.json"]);
    folders.putChunk(chunk("a", 86_400));
    await folders.putTask(task("a", 86_400, TaskState.DONE));
    assert.deepEqual(await listFolder(path), ["profile.folded", "profile.pb.gz", "task.json"]);
    assert.equal((await Deno.readTextFile(`${path}/profile.folded`)).trim(), "main;hot 23");
    const { stacks } = JSON.parse(await Deno.readTextFile(`${path}/task.json`));
    assert.deepEqual(stacks.on_cpu.ends, { whole: 23 });
    const record = JSON.parse(await Deno.readTextFile(`${path}/task.json`));
    assert.deepEqual([record.pid, record.service, record.state], [4711, "shop", "done"]);
    assert.equal(record.notes.length, 1);
    assert.match(record.notes[0], /^Names of Java methods are missing; .* jcmd 4711 Compiler\.perfmap$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("TaskFolders removes the oldest tasks, and nothing else, when the folder is over its limit", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/mine.txt`, new Uint8Array(9000));
    await Deno.mkdir(`${folder}/not-a-task`);
    const folders = new TaskFolders(folder, silentLogger, { keptBytes: 2500 });
    for (let day = 1; day <= 4; day++) {
      await folders.putTask(task(`${day}`, day * 86_400, TaskState.RUNNING));
      folders.putChunk(chunk(`${day}`, day * 86_400));
      await folders.putTask(task(`${day}`, day * 86_400, TaskState.DONE));
    }
    const left = await listFolder(folder);
    assert.ok(left.includes("mine.txt") && left.includes("not-a-task"));
    assert.ok(left.includes("1970-01-05T000000Z-checkout-4711"));
    assert.ok(!left.includes("1970-01-02T000000Z-checkout-4711"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
