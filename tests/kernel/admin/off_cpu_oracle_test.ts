import assert from "node:assert/strict";
import { WaitState } from "../../../src/gen/stakeout/v1/profile_pb.ts";
import { BlockTarget } from "../block_target.ts";
import { sleep } from "../harness.ts";
import { openOffCpu } from "../open_off_cpu.ts";
import { readSymbols } from "../read_symbols.ts";

const times = 23;
const sleepMs = 20;
const nameOf = await readSymbols(BlockTarget.path);
const decoder = new TextDecoder();

/** Off-CPU time and run-queue delay of one thread's waits that are longer than half a sleep, as `perf sched timehist` has them. */
async function readTimehist(file: string, tid: number): Promise<{ offMs: number; delayMs: number }[]> {
  const args = ["sched", "timehist", "-i", file, "--tid", String(tid)];
  const { stdout } = await new Deno.Command("perf", { args, stderr: "null" }).output();
  const line = new RegExp(`\\[${tid}(?:/\\d+)?\\]\\s+([\\d.]+)\\s+([\\d.]+)\\s+[\\d.]+`, "g");
  return [...decoder.decode(stdout).matchAll(line)]
    .map(([, off, delay]) => ({ offMs: Number(off), delayMs: Number(delay) }))
    .filter(({ offMs }) => offMs > sleepMs / 2);
}

/** The same sleeps as the session, perf sched and offcputime see them. */
async function measure(folder: string) {
  await using target = await BlockTarget.start("sleep", times, sleepMs);
  const perf = new Deno.Command("perf", {
    args: ["sched", "record", "-o", `${folder}/sched.data`],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  const offcputime = new Deno.Command("offcputime", {
    args: ["-p", String(target.pid), "-m", String(sleepMs * 500)],
    ...{ stdin: "null", stdout: "piped", stderr: "null" },
  }).spawn();
  // Both have to be at work: the one compiles its program first, the other opens an event a CPU.
  await sleep(2500);
  const session = await openOffCpu([target.pid], { minimumNs: sleepMs * 5e5 });
  await target.work();
  await session.detach();
  const own = session.read().samples.filter(({ frames, wait }) =>
    wait?.state === WaitState.SLEEPING && [...frames.user].some((at) => nameOf(at) === "wait_sleep")
  );
  await session.close();
  perf.kill("SIGINT");
  offcputime.kill("SIGINT");
  const [{ stdout }] = await Promise.all([offcputime.output(), perf.status]);
  const waits = await readTimehist(`${folder}/sched.data`, target.pid);
  return { own, waits, report: decoder.decode(stdout) };
}

Deno.test("off_cpu agrees with perf sched on time and run-queue delay, and with offcputime on time, of the same sleeps", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let { own, waits, report } = await measure(folder);
    // perf drops events on a busy machine; in some virtual machines it has nearly none of one CPU's switches from the idle
    // thread, and now and then such a switch has no event for either.
    const eventsOf = () => own.reduce((sum, { events }) => sum + events, 0);
    for (let more = 6; more > 0 && (waits.length < times || eventsOf() < times); more--) {
      ({ own, waits, report } = await measure(folder));
    }
    const blockedMs = own.reduce((sum, { weight }) => sum + weight, 0) / 1e6;
    const runQueueMs = own.reduce((sum, { wait }) => sum + wait!.runQueueNs, 0) / 1e6;
    assert.equal(eventsOf(), times);
    assert.equal(waits.length, times);
    const offMs = waits.reduce((sum, wait) => sum + wait.offMs, 0);
    const delayMs = waits.reduce((sum, wait) => sum + wait.delayMs, 0);
    assert.ok(
      Math.abs(blockedMs + runQueueMs - offMs) < 0.01 * offMs,
      `${blockedMs} + ${runQueueMs}, perf ${offMs}`,
    );
    // Each of them reads the clock a moment before or after the other.
    const slackMs = 0.02 * times;
    assert.ok(Math.abs(runQueueMs - delayMs) < 0.02 * delayMs + slackMs, `${runQueueMs}, perf ${delayMs}`);
    // offcputime has one time for both, in microseconds below each stack.
    const [, theirs] = /wait_sleep[^]*?\n {4}- +block \(\d+\)\n +(\d+)/.exec(report) ?? [];
    const theirMs = Number(theirs) / 1e3;
    assert.ok(Math.abs(blockedMs + runQueueMs - theirMs) < 0.01 * theirMs, `offcputime ${theirMs}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
