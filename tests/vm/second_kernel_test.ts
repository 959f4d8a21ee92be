/**
 * The executable on Linux 6.1, in an emulated machine: everything it is promised to do on the oldest supported kernel,
 * and a wall clock that jumps. `STAKEOUT_EXECUTABLE` names another one than dist/stakeout.
 */
import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { listFiles } from "../../scripts/files.ts";
import { version } from "../../src/model/version.ts";
import { readPprofTop, sumFolded } from "../support/pprof_top.ts";
import { compileTarget } from "../support/target.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { type GuestRun, runGuest } from "./guest.ts";

const executable = Deno.env.get("STAKEOUT_EXECUTABLE") ?? `${repositoryRoot}/dist/stakeout`;

/** burn spends seven tenths of its time in inner_a, the rest in inner_b. */
const hotPercent = 70;
const tolerancePercent = 15;

/** `hot` is for burn, which has half a core; `calm` watches a process that never has enough to trip. */
const policies = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: hot }
target: { exe: /bin/burn }
rules: [{ metric: process_cpu, threshold: 20%, period: 10s, count: 6 }]
start: [on_cpu]
duration: 5s
---
apiVersion: stakeout/v1
kind: Policy
metadata: { name: calm }
target: { exe: /bin/calm }
rules: [{ metric: process_cpu, threshold: 50%, period: 60s, count: 2 }]
start: [on_cpu]
`;

/** What a program needs that exports its symbols, as Python does. */
const sharedFiles = ["/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"];

async function runOnSecondKernel(folder: string): Promise<GuestRun> {
  await compileTarget("burn", `${folder}/burn`, ["-static"]);
  await compileTarget("lock_fight", `${folder}/shop`, ["-static"]);
  await compileTarget("python_hostile", `${folder}/python_hostile`, ["-no-pie", "-rdynamic"]);
  await Deno.writeTextFile(`${folder}/policies.yaml`, policies);
  return await runGuest({
    "/init": new URL("guest_init.sh", import.meta.url).pathname,
    "/bin/stakeout": executable,
    "/bin/burn": `${folder}/burn`,
    "/bin/calm": `${folder}/burn`,
    "/bin/shop": `${folder}/shop`,
    "/bin/python_hostile": `${folder}/python_hostile`,
    ...Object.fromEntries(sharedFiles.map((path) => [path, path])),
    "/policies.yaml": `${folder}/policies.yaml`,
  }, folder);
}

Deno.test("the executable works on Linux 6.1", async (t) => {
  assert.ok(await exists(executable), `${executable} is missing; run ./scripts/deno task build`);
  await using folder = await makeTestFolder("vm");
  const guest = await runOnSecondKernel(folder.path);
  const read = (name: string) => Deno.readTextFile(`${guest.results}/${name}`);

  /** The command ended with 0. */
  async function assertEndedWell(command: string): Promise<void> {
    assert.equal((await read(`${command}.code`)).trim(), "0", await read(`${command}.err`));
  }

  const passed = [
    await t.step("version runs and the kernel is 6.1", async () => {
      assert.match(await read("kernel"), /^6\.1\.0-/);
      await assertEndedWell("version");
      assert.match(await read("version.out"), new RegExp(`^stakeout ${version} `));
    }),

    await t.step("doctor loads and attaches every BPF program", async () => {
      await assertEndedWell("doctor");
      const checks: { name: string; level: string; message: string }[] = JSON.parse(await read("doctor.out"));
      assert.match(checks.find(({ name }) => name === "kernel")!.message, /^Linux 6\.1\.0-/);
      for (const path of await listFiles("build/bpf", /\.bpf\.o$/)) {
        const object = path.split("/").at(-1);
        if (object === "http.bpf.o" || object === "network.bpf.o") continue;
        const check = checks.find(({ message }) => message === `${object} loaded and attached`);
        assert.equal(check?.level, "ok", `${object}: ${JSON.stringify(checks)}`);
      }
      // Linux 6.1 has neither socket events nor probes by many at once.
      const http = ["HTTP", "TLS"].map((wanted) => checks.find(({ name }) => name === wanted));
      assert.match(http[0]!.message, /HTTP rules slow every system call/);
      assert.deepEqual(http.map((check) => check?.level), ["limited", "limited"], JSON.stringify(checks));
      assert.match(checks.find(({ name }) => name === "network")!.message, /TCP connections alone/);
    }),

    await t.step("watch trips for the hot process alone while the wall clock jumps", async () => {
      await assertEndedWell("watch");
      const folders = [...Deno.readDirSync(`${guest.results}/tasks`)].map(({ name }) => name);
      const pid = Number(await read("burn.pid"));
      assert.equal(folders.length, 1, folders.join(", "));
      assert.match(folders[0]!, new RegExp(`-hot-${pid}$`));
      const task = JSON.parse(await read(`tasks/${folders[0]}/task.json`));
      const { policy, metric, service, instance, state, message } = task;
      assert.deepEqual({ policy, metric, pid: task.pid, service, instance, state, message }, {
        ...{ policy: "hot", metric: "process_cpu", pid, service: "burn", instance: "second-kernel" },
        ...{ state: "done", message: "" },
      });
      const { threshold, period, count, slots } = task.cause;
      assert.deepEqual([threshold, period, count, slots.length], [20, 10, 6, 10]);
      assert.ok(slots.filter((value: number | null) => value !== null && value >= 20).length >= 6, slots);
      assert.ok(slots.every((value: number | null) => value === null || value >= 0 && value < 120), slots);

      const [began, ended] = [Number(await read("began")), Number(await read("ended"))];
      const [from, to] = [Date.parse(task.startedAt) / 1000, Date.parse(task.endedAt) / 1000];
      assert.ok(began <= from && from + 4 <= to && to <= ended + 2, `${began} ${from} ${to} ${ended}`);
    }),

    await t.step("the task's profile names the hot function and the kernel's", async () => {
      const [task] = [...Deno.readDirSync(`${guest.results}/tasks`)].map(({ name }) => `tasks/${name}`);
      const { taken, stored, lostKernel, lostAgent } = JSON.parse(await read(`${task}/task.json`)).loss;
      assert.equal(taken, stored + lostKernel + lostAgent);
      const folded = await read(`${task}/profile.folded`);
      assert.equal(sumFolded(folded), stored);
      const [hot, other] = ["inner_a", "inner_b"].map((name) =>
        sumMatching(folded, new RegExp(`;main;burn;descend;descend;descend;outer;${name}[; ]`))
      );
      assertHot(hot!, other!);
      assert.ok(hot! + other! > 0.9 * stored, folded);
      assert.doesNotMatch(folded, /0xffff/);
    }),

    await t.step("record writes a profile that pprof reads", async () => {
      await assertEndedWell("record");
      assert.match(
        await read("record.err"),
        /^wrote \/results\/record\.pb\.gz \(pprof\): \d+ samples taken/m,
      );
      // Tables that come too late on a slow host are no matter; those that the kernel refuses are.
      assert.match(await read("record.err"), /^stacks: \d/m);
      assert.doesNotMatch(await read("record.err"), /Unwind tables of a process are missing/);
      const top = await readPprofTop(`${guest.results}/record.pb.gz`);
      assert.equal(top[0]!.name, "inner_a");
      const [hot, other] = ["inner_a", "inner_b"].map((name) => top.find((line) => line.name === name));
      assertHot(hot!.totalPercent, other?.totalPercent ?? 0);
    }),

    await t.step("record --off-cpu tells what a process waits for", async () => {
      await assertEndedWell("off_cpu");
      assert.match(await read("off_cpu.err"), /: (\d+) waits taken, \1 stored, 0 lost/);
      const folded = await read("off_cpu.folded");
      for (const pattern of [/;do_futex;.*futex_wait/, /;hrtimer_nanosleep;do_nanosleep /]) {
        assert.ok(sumMatching(folded, pattern) > 0, folded);
      }
      assert.doesNotMatch(folded, /__schedule|__traceiter|0xffff/);
    }),

    await t.step("record writes Python's frames", async () => {
      await assertEndedWell("record_python");
      const folded = await read("python.folded");
      // Emulated, the child that finds the interpreter starts in about ten seconds; sampling does not wait for so long.
      assert.ok(sumMatching(folded, /(^|;)good[; ]/) > 0, folded);
    }),

    await t.step("record --network tells TCP connections by the kernel's own counts", async () => {
      await assertEndedWell("network");
      const { edges, limits } = JSON.parse(await read("network.json"));
      let [opened, receivedBytes] = [0, 0];
      for (const edge of edges.filter(({ role }: { role: string }) => role === "server")) {
        assert.deepEqual([edge.serverPort, edge.http], [8080, null]);
        opened += edge.opened;
        receivedBytes += edge.receivedBytes;
      }
      assert.ok(opened >= 2 && receivedBytes >= 2 * 60, JSON.stringify(edges));
      assert.match(limits[0], /no events of messages/);
    }),

    await t.step("the kernel has nothing to complain of and powers off", async () => {
      const complaints = /\b(BUG|WARNING|Oops)\b|Call Trace|lockup|blocked for more than|rcu.*stall/;
      assert.deepEqual((await read("dmesg")).split("\n").filter((line) => complaints.test(line)), []);
      assert.equal((await read("tainted")).trim(), "0");
      assert.match(guest.console, /reboot: Power down/);
      assert.equal(guest.code, 0);
    }),
  ];
  if (passed.includes(false)) console.log(`The guest ran for ${guest.seconds} s and said:\n${guest.console}`);
});

/** What interrupts take from either function is not its own, so the two are compared with each other. */
function assertHot(hot: number, other: number): void {
  const percent = 100 * hot / (hot + other);
  assert.ok(Math.abs(percent - hotPercent) < tolerancePercent, `inner_a has ${percent} %`);
}

function sumMatching(folded: string, pattern: RegExp): number {
  return sumFolded(folded.split("\n").filter((line) => pattern.test(line)).join("\n"));
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
