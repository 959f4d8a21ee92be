/**
 * Runs in a pid namespace of its own: starts two processes one after the other under the same pid and prints what
 * discovery made of them.
 */
import { readExe } from "../../../lib/procfs/process.ts";
import { repositoryRoot } from "../../../scripts/command.ts";
import { Discovery } from "../../../src/agent/discovery.ts";
import { processLayout, ProcessSnapshots } from "../../../src/agent/probe/process_snapshot.ts";
import { ProcessTable } from "../../../src/agent/process_table.ts";
import { libbpf, sleep } from "../harness.ts";

const pid = 5003;
const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/process.bpf.o`);
const snapshots = await ProcessSnapshots.open(libbpf, program);
const discovery = new Discovery({
  ...{
    table: new ProcessTable(processLayout),
    bootId: "1234abcd",
    host: "node-1",
    overrides: [],
    ownPids: [],
    // No time passes, so that one look reads all, however busy the machine is.
    elapsedMs: () => 0,
  },
});

const first = await start("first");
const firstChanges = look();
first.kill("SIGKILL");
await first.status;
const second = await start("second");
const { gone, appeared } = look();
second.kill("SIGKILL");
await second.status;
await snapshots.close();
console.log(JSON.stringify({
  first: firstChanges.appeared.find(({ row }) => row.pid === pid)?.process,
  second: appeared.find(({ row }) => row.pid === pid)?.process,
  gone: gone.filter(({ row }) => row.pid === pid).map(({ process }) => process.id),
  appeared: appeared.filter(({ row }) => row.pid === pid).map(({ process }) => process.id),
}));
Deno.exit(0);

/** Deno's own threads take pids too, so it is tried until the wanted one is hit. */
async function start(service: string): Promise<Deno.ChildProcess> {
  for (let attempt = 0; attempt < 100; attempt++) {
    Deno.writeTextFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const child = new Deno.Command("sleep", { args: ["60"], env: { OTEL_SERVICE_NAME: service } }).spawn();
    while (!readExe(child.pid)?.path.endsWith("sleep")) await sleep(1);
    if (child.pid === pid) return child;
    child.kill("SIGKILL");
    await child.status;
  }
  throw new Error(`Cannot start a process under pid ${pid}`);
}

function look() {
  const { atBootNs, records } = snapshots.read();
  discovery.update(atBootNs, records);
  return discovery.takeChanges();
}
