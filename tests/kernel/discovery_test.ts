import assert from "node:assert/strict";
import { readExe } from "../../lib/procfs/process.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { Discovery } from "../../src/agent/discovery.ts";
import { processLayout, ProcessSnapshots } from "../../src/agent/probe/process_snapshot.ts";
import { ProcessTable } from "../../src/agent/process_table.ts";
import { libbpf, sleep } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

async function withDiscovery(
  ownPids: number[],
  run: (discovery: Discovery, look: () => void) => Promise<void>,
) {
  await withoutLeaks(libbpf, async () => {
    const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/process.bpf.o`);
    const snapshots = await ProcessSnapshots.open(libbpf, program);
    const discovery = new Discovery({
      ...{
        table: new ProcessTable(processLayout),
        bootId: "1234abcd",
        host: "node-1",
        overrides: [],
        ownPids,
      },
    });
    function look(): void {
      const { atBootNs, records } = snapshots.read();
      discovery.update(atBootNs, records);
    }
    try {
      look();
      await discovery.readAll();
      await run(discovery, look);
    } finally {
      await snapshots.close();
    }
  });
}

Deno.test("a process is seen from start over exec to exit, under one id", () =>
  withDiscovery([], async (discovery, look) => {
    assert.ok(discovery.get(Deno.pid)?.process.exe.endsWith("deno"));
    const child = new Deno.Command("sh", { args: ["-c", "read line; exec sleep 60"], stdin: "piped" })
      .spawn();
    while (!/sh$/.test(readExe(child.pid)?.path ?? "")) await sleep(1);
    discovery.takeChanges();
    look();
    await discovery.readAll();
    const started = discovery.takeChanges().appeared.find(({ row }) => row.pid === child.pid);
    assert.equal(started?.process.parentPid, Deno.pid);
    const { id, service } = started.process;
    assert.match(service, /sh$/);

    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode("\n"));
    while (!readExe(child.pid)?.path.endsWith("sleep")) await sleep(1);
    look();
    await discovery.readAll();
    assert.ok(discovery.takeChanges().changed.includes(started));
    assert.deepEqual([started.process.id, started.process.service, started.row.name], [id, "sleep", "sleep"]);

    child.kill("SIGKILL");
    await child.status;
    await input.close().catch(() => {});
    look();
    assert.ok(discovery.takeChanges().gone.includes(started));
    assert.equal(discovery.get(child.pid), undefined);
  }));

Deno.test("this program and its children are not listed where they are its own, and no kernel thread ever is", () =>
  withDiscovery([Deno.pid], async (discovery, look) => {
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    while (!readExe(child.pid)?.path.endsWith("sleep")) await sleep(1);
    look();
    await discovery.readAll();
    const pids = Array.from(discovery.values(), ({ row }) => row.pid);
    assert.ok(!pids.includes(Deno.pid) && !pids.includes(child.pid));
    assert.deepEqual(pids.filter((pid) => readExe(pid) === undefined && Deno.statSync(`/proc/${pid}`)), []);
    child.kill("SIGKILL");
    await child.status;
  }));
