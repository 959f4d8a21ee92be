import assert from "node:assert/strict";
import { BpfIterator } from "../../lib/bpf/iterator.ts";
import { attach } from "../../lib/bpf/link.ts";
import { decodeProcessEvent, layouts, type ProcessEvent } from "../../src/gen/records.ts";
import { compileTarget, libbpf, openBuilt, sleep, startTarget } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";

const TICK_NS = 10_000_000;
const burn = await compileTarget("burn");
const leaderless = await compileTarget("leaderless");

/** The iterator, attached: each call is a snapshot by pid. */
async function openIterator() {
  const object = openBuilt("process");
  await object.load();
  const link = attach(object.program("read_processes"));
  const iterator = new BpfIterator(link);
  return {
    read(): Map<number, ProcessEvent> {
      const bytes = iterator.read();
      const { size } = layouts.process_event;
      assert.equal(bytes.length % size, 0);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const processes = new Map<number, ProcessEvent>();
      for (let offset = 0; offset < bytes.length; offset += size) {
        const process = decodeProcessEvent(view, offset);
        assert.ok(!processes.has(process.pid));
        processes.set(process.pid, process);
      }
      return processes;
    },
    async close() {
      await link.close();
      object.close();
    },
  };
}

/** What /proc says of a process; undefined when it has gone. */
function readProc(pid: number) {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return {
      name: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")),
      state: fields[0]!,
      parentPid: Number(fields[1]),
      isKernelThread: (Number(fields[6]) & 0x200000) !== 0,
      cpuNs: (Number(fields[11]) + Number(fields[12])) * TICK_NS,
      threads: Number(fields[17]),
      startTicks: Number(fields[19]),
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)![1]),
    };
  } catch {
    return undefined;
  }
}

/** Compares a process with /proc, whose CPU time must lie between what two snapshots around it say. */
function compareWithProc(pid: number, before: ProcessEvent, after: ProcessEvent) {
  const proc = readProc(pid)!;
  const { threads, parentPid, name, uid } = before;
  assert.deepEqual({ threads, parentPid, name, uid }, {
    threads: proc.threads,
    parentPid: proc.parentPid,
    name: proc.name,
    uid: proc.uid,
  });
  assert.equal(Math.floor(before.startBootNs / TICK_NS), proc.startTicks);
  assert.equal(before.unwalkedThreads, 0);
  assert.equal(before.torn, 0);
  // A running thread's time is up to a scheduler tick old (4 ms at 250 Hz, 10 ms at 100 Hz); /proc rounds to 10 ms each of user and system time.
  const slackNs = 2 * TICK_NS + proc.threads * TICK_NS;
  assert.ok(
    proc.cpuNs >= before.runTimeNs - 2 * TICK_NS && proc.cpuNs <= after.runTimeNs + slackNs,
    `${proc.cpuNs} of /proc is outside of ${before.runTimeNs} to ${after.runTimeNs}`,
  );
}

Deno.test("read_processes lists threads, parent, start, name, uid and CPU time as /proc does when targets run and when they are stopped", () =>
  withoutLeaks(libbpf, async () => {
    const iterator = await openIterator();
    await using one = await startTarget(burn, "1");
    await using five = await startTarget(burn, "5");
    await using many = await startTarget(burn, "41");
    const pids = [one.pid, five.pid, many.pid];
    await sleep(1000);
    for (const stopped of [false, true]) {
      if (stopped) pids.forEach((pid) => Deno.kill(pid, "SIGSTOP"));
      await sleep(stopped ? 100 : 0);
      const before = iterator.read();
      const middle = pids.map((pid) => readProc(pid)!.cpuNs);
      const after = iterator.read();
      assert.ok(middle.every((ns) => ns > 0));
      for (const pid of pids) compareWithProc(pid, before.get(pid)!, after.get(pid)!);
      if (stopped) {
        for (const pid of pids) assert.equal(before.get(pid)!.runTimeNs, after.get(pid)!.runTimeNs);
      }
    }
    assert.deepEqual(pids.map((pid) => iterator.read().get(pid)!.threads), [1, 5, 41]);
    await iterator.close();
  }));

Deno.test("read_processes lists every user process that /proc lists and no kernel thread", () =>
  withoutLeaks(libbpf, async () => {
    const iterator = await openIterator();
    const listPids = () =>
      [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => pid > 0);
    const before = new Set(listPids());
    const snapshot = iterator.read();
    const lasting = listPids().filter((pid) => before.has(pid));
    for (const pid of lasting) {
      const proc = readProc(pid);
      if (proc === undefined) continue;
      // Some hosts hide their first process from iterators.
      if (pid === 1 || proc.state === "Z") continue;
      assert.equal(snapshot.has(pid), !proc.isKernelThread, `${pid} (${proc.name})`);
    }
    for (const process of snapshot.values()) assert.ok(process.pid > 0 && process.threads > 0);
    await iterator.close();
  }));

Deno.test("read_processes counts the CPU time of ended threads when even the main thread has ended", () =>
  withoutLeaks(libbpf, async () => {
    const iterator = await openIterator();
    await using target = await startTarget(leaderless, "7");
    const process = iterator.read().get(target.pid)!;
    const proc = readProc(target.pid)!;
    assert.equal(proc.state, "Z");
    assert.equal(process.threads, 8);
    assert.equal(process.threads, proc.threads);
    assert.equal(process.unwalkedThreads, 0);
    assert.equal(process.name, proc.name);
    assert.ok(process.runTimeNs >= 7 * 50_000_000);
    assert.ok(Math.abs(process.runTimeNs - proc.cpuNs) <= 2 * TICK_NS);
    await iterator.close();
  }));

Deno.test("read_processes leaves out a process when all its threads have ended", () =>
  withoutLeaks(libbpf, async () => {
    const iterator = await openIterator();
    // The child ends when the shell has long become something that never asks for it.
    const script = "sleep 0.3 & echo $!; exec sleep 10";
    const shell = new Deno.Command("sh", { args: ["-c", script], stdout: "piped" }).spawn();
    const reader = shell.stdout.getReader();
    const zombie = Number(new TextDecoder().decode((await reader.read()).value));
    while (readProc(zombie)?.state !== "Z") await sleep(5);
    const snapshot = iterator.read();
    assert.equal(snapshot.has(zombie), false);
    assert.equal(snapshot.has(shell.pid), true);
    shell.kill("SIGKILL");
    await shell.status;
    await reader.cancel();
    await iterator.close();
  }));

Deno.test("read_processes keeps pid and start and changes the exec id when a process executes another program", () =>
  withoutLeaks(libbpf, async () => {
    const iterator = await openIterator();
    const shell = new Deno.Command("sh", {
      args: ["-c", "echo up; read go; exec sleep 10"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = shell.stdout.getReader();
    await reader.read();
    const before = iterator.read().get(shell.pid)!;
    const writer = shell.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    while (readProc(shell.pid)?.name !== "sleep") await sleep(5);
    const after = iterator.read().get(shell.pid)!;
    assert.deepEqual([before.name, after.name], ["sh", "sleep"]);
    assert.equal(after.startBootNs, before.startBootNs);
    assert.notEqual(after.execId, before.execId);
    shell.kill("SIGKILL");
    await shell.status;
    await writer.close().catch(() => {});
    await reader.cancel();
    await iterator.close();
  }));

Deno.test("read_processes shows cgroup_id as the inode of the process's folder in the unified hierarchy", () =>
  withoutLeaks(libbpf, async () => {
    const iterator = await openIterator();
    const path = /^0::(.*)$/m.exec(Deno.readTextFileSync("/proc/self/cgroup"))?.[1];
    const root = Deno.readTextFileSync("/proc/self/mounts").split("\n").map((line) => line.split(" "))
      .find((fields) => fields[2] === "cgroup2")?.[1];
    const { cgroupId } = iterator.read().get(Deno.pid)!;
    assert.ok(cgroupId > 0n);
    if (path !== undefined && root !== undefined) {
      assert.equal(cgroupId, BigInt(Deno.statSync(root + path).ino!));
    }
    await iterator.close();
  }));
