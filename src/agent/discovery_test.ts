import assert from "node:assert/strict";
import { encodeRecords, recordOf, testLayout, type TestRecord } from "../../tests/support/process_records.ts";
import { readCgroupPath, readExe, readStat } from "../../lib/procfs/process.ts";
import { readCgroupFacts } from "./container.ts";
import { Discovery, type DiscoveryOptions } from "./discovery.ts";
import { ProcessTable } from "./process_table.ts";

function discover(options: Partial<DiscoveryOptions> = {}): Discovery {
  return new Discovery({
    table: new ProcessTable(testLayout),
    bootId: "1234abcd-0000",
    host: "node-1",
    overrides: [],
    ownPids: [],
    ...options,
  });
}

/** Starts a program whose exe can be read already; `end` waits until it is gone. */
async function start(script: string, env: Record<string, string> = {}) {
  const child = new Deno.Command("sh", { args: ["-c", script], env, stdin: "piped" }).spawn();
  while (readExe(child.pid) === undefined) await pause();
  const stdin = child.stdin.getWriter();
  const end = async () => {
    child.kill("SIGKILL");
    await child.status;
    await stdin.close().catch(() => {});
  };
  return { pid: child.pid, stdin, end };
}

/** The child of `pid` that has ended and that nobody waited for, as soon as there is one. */
async function findZombie(pid: number): Promise<number> {
  for (;;) {
    for (
      const child of (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).split(" ").map(Number)
    ) {
      if (child > 0 && readStat(child)?.state === "Z") return child;
    }
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

Deno.test("update() names a process that starts and drops one that ends", async () => {
  const discovery = discover();
  const child = await start("read line", { OTEL_SERVICE_NAME: "checkout" });
  discovery.update(1e9, encodeRecords([recordOf(child.pid, { uid: 7, name: "sh" })]));
  const { appeared, changed, gone } = discovery.takeChanges();
  assert.deepEqual([appeared.length, changed.length, gone.length, discovery.size], [1, 0, 0, 1]);
  const { process } = appeared[0]!;
  assert.equal(process.service, "checkout");
  assert.equal(process.instance, "node-1");
  assert.equal(process.uid, 7);
  assert.match(process.exe, /\/(da|ba)?sh$/);
  assert.match(process.id, new RegExp(`^1234abcd-[0-9a-z]+-${child.pid}$`));
  assert.equal(discovery.get(child.pid), appeared[0]);

  await child.end();
  discovery.update(2e9, new Uint8Array());
  assert.deepEqual(discovery.takeChanges().gone, appeared);
  assert.equal(discovery.size, 0);
  assert.equal(discovery.missed, 0);
});

Deno.test("update() reads a process anew when it executes another program, and keeps its id", async () => {
  const discovery = discover();
  const child = await start("read line; exec sleep 60");
  const record = recordOf(child.pid);
  discovery.update(1e9, encodeRecords([record]));
  const before = discovery.takeChanges().appeared[0]!.process;

  await child.stdin.write(new TextEncoder().encode("\n"));
  while (!readExe(child.pid)?.path.endsWith("sleep")) await pause();
  discovery.update(2e9, encodeRecords([{ ...record, execId: 2, name: "sleep" }]));
  const { appeared, changed } = discovery.takeChanges();
  assert.deepEqual([appeared.length, changed.length], [0, 1]);
  const after = changed[0]!.process;
  assert.equal(after.id, before.id);
  assert.deepEqual([after.service, after.name], ["sleep", "sleep"]);
  assert.notEqual(after.exe, before.exe);
  await child.end();
});

Deno.test("update() gives nothing of a pid's new owner to the process that had it", async () => {
  const discovery = discover();
  const child = await start("read line");
  const record = recordOf(child.pid);
  discovery.update(1e9, encodeRecords([{ ...record, startBootNs: record.startBootNs - 5e9 }]));
  assert.deepEqual([discovery.size, discovery.missed], [0, 1]);

  discovery.update(2e9, encodeRecords([record]));
  assert.equal(discovery.takeChanges().appeared.length, 1);
  await child.end();
});

Deno.test("update() leaves out its own processes and all that they started", async () => {
  const child = await start("read line");
  const records = [{ ...recordOf(Deno.pid), parentPid: 1 }, recordOf(child.pid)];
  // The child comes before its parent, as it does once pids start over.
  const own = discover({ ownPids: [Deno.pid] });
  own.update(1e9, encodeRecords(records.toReversed()));
  assert.equal(own.size, 0);
  const parent = discover({ ownPids: [child.pid] });
  parent.update(1e9, encodeRecords(records));
  assert.deepEqual([...parent.values()].map(({ process }) => process.pid), [Deno.pid]);
  await child.end();
});

Deno.test("update() counts what ended before it was read", async () => {
  const discovery = discover();
  const child = await start("read line");
  const records = encodeRecords([recordOf(child.pid)]);
  await child.end();
  discovery.update(1e9, records);
  assert.deepEqual([discovery.size, discovery.missed, discovery.takeChanges().appeared.length], [0, 1, 0]);
});

Deno.test("update() does not list a process that has ended but is still there", async () => {
  const discovery = discover();
  const child = await start("sleep 0.01 & exec sleep 60");
  discovery.update(1e9, encodeRecords([recordOf(await findZombie(child.pid))]));
  assert.deepEqual([discovery.size, discovery.missed], [0, 1]);
  await child.end();
});

Deno.test("update() stops reading after 5 ms, and readAll() reads the rest", async () => {
  const children = await Promise.all(Array.from({ length: 5 }, () => start("read line")));
  let nowMs = 0;
  const discovery = discover({ elapsedMs: () => nowMs += 2 });
  const records: TestRecord[] = children.map(({ pid }) => recordOf(pid));
  discovery.update(1e9, encodeRecords(records));
  assert.deepEqual([discovery.size, discovery.pending], [3, 2]);
  await discovery.readAll();
  assert.deepEqual([discovery.size, discovery.pending], [5, 0]);
  assert.equal(discovery.takeChanges().appeared.length, 5);
  for (const child of children) await child.end();
});

Deno.test("takeChanges() does not tell of who came and went in between", async () => {
  const discovery = discover();
  const child = await start("read line");
  discovery.update(1e9, encodeRecords([recordOf(child.pid)]));
  discovery.update(2e9, new Uint8Array());
  assert.deepEqual(discovery.takeChanges(), { appeared: [], changed: [], gone: [] });
  await child.end();
});

Deno.test("renamePods() names known processes anew, once their pod is known, and no others", async () => {
  const container = readContainer();
  let workload = "";
  const discovery = discover({
    findPod: () =>
      workload === "" ? undefined : {
        ...{ uid: "1", name: `${workload}-0`, namespace: "shop", workloadKind: "StatefulSet", workload },
        ...{ containerName: "app", labels: {} },
      },
  });
  const child = await start("read line");
  discovery.update(1e9, encodeRecords([recordOf(child.pid)]));
  const [live] = discovery.takeChanges().appeared;
  const before = live!.process;

  workload = "db";
  discovery.renamePods(new Set(["other"]), new Map());
  assert.deepEqual(discovery.takeChanges().changed, []);
  discovery.renamePods(new Set([container.podUid]), new Map());
  assert.deepEqual(discovery.takeChanges().changed, [live]);
  assert.deepEqual([live!.process.service, live!.process.instance, live!.process.id], [
    "db",
    "db-0",
    before.id,
  ]);
  discovery.renamePods(new Set(), new Map([[container.containerId, "app"]]));
  assert.deepEqual(discovery.takeChanges().changed, [live]);
  await child.end();
  discovery.update(2e9, new Uint8Array());
  discovery.renamePods(new Set([container.podUid]), new Map());
  assert.deepEqual(discovery.takeChanges(), { appeared: [], changed: [], gone: [live] });
});

/** Where this test runs, mostly in no container at all: both are "" then, which stands for all such processes. */
function readContainer() {
  return readCgroupFacts(readCgroupPath(Deno.pid));
}
