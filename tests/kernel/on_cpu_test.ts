import assert from "node:assert/strict";
import { compileTarget, libbpf, sleep, startTarget } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { readSymbols } from "./read_symbols.ts";
import { type Sample, Sampler } from "./sampler.ts";

const USER_STACK = 1;
const KERNEL_STACK = 2;
const MAX_FRAMES = 127;
const burn = await compileTarget("burn");
const nameOf = await readSymbols(burn);

function sumCounts(samples: Sample[]): number {
  return samples.reduce((sum, { count }) => sum + count, 0);
}

Deno.test("on_cpu counts every sample once and sends every stack once when several threads burn", () =>
  withoutLeaks(libbpf, async () => {
    await using target = await startTarget(burn, "3");
    const sampler = await Sampler.start([target.pid], 997);
    for (let second = 0; second < 4; second++) {
      await sleep(500);
      sampler.read();
    }
    await sampler.detach();
    const samples = sampler.read();
    const counters = sampler.counters();
    assert.ok(counters.taken > 500, `${counters.taken} samples`);
    assert.equal(counters.taken, sumCounts(samples) + counters.lostSamples);
    assert.deepEqual([counters.lostSamples, counters.unsentStacks, counters.unsentThreads], [0, 0, 0]);
    assert.equal(counters.truncated, 0);
    const tids = [...Deno.readDirSync(`/proc/${target.pid}/task`)].map((entry) => Number(entry.name));
    for (const sample of samples) {
      assert.equal(sample.tgid, target.pid);
      assert.ok(tids.includes(sample.tid));
      if (sample.userHash !== 0n) assert.equal(sampler.stacks.get(sample.userHash)?.kind, USER_STACK);
      if (sample.kernelHash !== 0n) assert.equal(sampler.stacks.get(sample.kernelHash)?.kind, KERNEL_STACK);
    }
    for (const { times } of sampler.stacks.values()) assert.equal(times, 1);
    assert.deepEqual(
      sampler.threads.map(({ tgid, name }) => `${tgid} ${name}`).sort(),
      [0, 1, 2].map((number) => `${target.pid} burn-${number}`),
    );
    // Detached: nothing is counted any more.
    await sleep(50);
    assert.equal(sampler.counters().taken, counters.taken);
    sampler.close();
  }));

Deno.test("on_cpu takes the whole stack of known functions, in the known shares, when the program has frame pointers", () =>
  withoutLeaks(libbpf, async () => {
    await using target = await startTarget(burn, "1", "5");
    const sampler = await Sampler.start([target.pid], 997);
    await sleep(3000);
    await sampler.detach();
    const shares = new Map<string, number>();
    for (const sample of sampler.read()) {
      const stack = sampler.stacks.get(sample.userHash);
      const names = (stack?.addresses ?? []).map(nameOf);
      const main = names.indexOf("main");
      const path = main < 0 ? "?" : names.slice(0, main + 1).reverse().join(";");
      shares.set(path, (shares.get(path) ?? 0) + sample.count);
    }
    sampler.close();
    const total = [...shares.values()].reduce((sum, count) => sum + count, 0);
    const below = `main;burn${";descend".repeat(6)};outer`;
    const a = shares.get(`${below};inner_a`) ?? 0;
    const b = shares.get(`${below};inner_b`) ?? 0;
    assert.ok(a + b > 0.95 * total, `${[...shares].map(([path, count]) => `${count} ${path}`).join("\n")}`);
    // 0.7 by construction; five standard errors.
    assert.ok(Math.abs(a / (a + b) - 0.7) < 5 * Math.sqrt(0.21 / (a + b)), `${a} and ${b}`);
  }));

Deno.test("on_cpu takes the kernel's frames below the user's when a process is in system calls", () =>
  withoutLeaks(libbpf, async () => {
    const child = new Deno.Command("dd", {
      args: ["if=/dev/zero", "of=/dev/null", "bs=64k", "status=none"],
    }).spawn();
    const sampler = await Sampler.start([child.pid], 499);
    await sleep(1000);
    await sampler.detach();
    const samples = sampler.read();
    child.kill("SIGKILL");
    await child.status;
    const inKernel = samples.filter(({ kernelHash }) => kernelHash !== 0n);
    assert.ok(sumCounts(inKernel) > 0.5 * sumCounts(samples));
    for (const { userHash, kernelHash } of inKernel) {
      for (const address of sampler.stacks.get(kernelHash)!.addresses) assert.equal(address >> 63n, 1n);
      for (const address of sampler.stacks.get(userHash)?.addresses ?? []) assert.equal(address >> 63n, 0n);
    }
    sampler.close();
  }));

Deno.test("on_cpu marks samples as truncated when their stack is deeper than 127 frames", () =>
  withoutLeaks(libbpf, async () => {
    await using target = await startTarget(burn, "1", "300");
    const sampler = await Sampler.start([target.pid], 499);
    await sleep(500);
    await sampler.detach();
    const samples = sampler.read();
    const { taken, truncated } = sampler.counters();
    assert.ok(truncated > 10 && truncated <= taken);
    const deepest = Math.max(...[...sampler.stacks.values()].map(({ addresses }) => addresses.length));
    assert.equal(deepest, MAX_FRAMES);
    assert.equal(taken, sumCounts(samples));
    sampler.close();
  }));

Deno.test("on_cpu counts what it lost, exactly, when its maps and ring are too small", () =>
  withoutLeaks(libbpf, async () => {
    await using target = await startTarget(burn, "23", "110");
    const sampler = await Sampler.start([target.pid], 997, (object) => {
      object.setMaxEntries("samples", 3);
      object.setMaxEntries("stacks", 4096);
    });
    await sleep(1500);
    await sampler.detach();
    const samples = sampler.read();
    const { taken, lostSamples, unsentStacks } = sampler.counters();
    assert.ok(lostSamples > 0);
    assert.equal(taken, sumCounts(samples) + lostSamples);
    // A stack that found no room is not marked as sent: every marked one did come.
    assert.ok(unsentStacks > 0);
    const { count, keys } = sampler.object.map("known_stacks").readBatch();
    const known = new BigUint64Array(keys.buffer, 0, count);
    for (const hash of known) assert.ok(sampler.stacks.has(hash));
    assert.equal(sampler.stacks.size, count);
    sampler.close();
  }));

Deno.test("on_cpu samples two targets and no other process when three burn", () =>
  withoutLeaks(libbpf, async () => {
    await using one = await startTarget(burn, "1");
    await using two = await startTarget(burn, "1");
    await using other = await startTarget(burn, "1");
    const sampler = await Sampler.start([one.pid, two.pid], 499);
    await sleep(1500);
    await sampler.detach();
    const pids = new Set(sampler.read().map(({ tgid }) => tgid));
    assert.deepEqual(pids, new Set([one.pid, two.pid]));
    assert.ok(!pids.has(other.pid));
    sampler.close();
  }));
