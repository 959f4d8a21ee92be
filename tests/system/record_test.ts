import assert from "node:assert/strict";
import { repositoryRoot } from "../../scripts/command.ts";
import { expectGone, waitUntilItProfiles } from "../support/bpf_objects.ts";
import { PythonProgram, pythonWork } from "../support/python_program.ts";
import { readPprofTop, sumFolded } from "../support/pprof_top.ts";
import { startStakeout } from "../support/stakeout.ts";
import { compileTarget, startTarget } from "../support/target.ts";
import { testAsRoot } from "../support/test_as_root.ts";
import { makeTestFolder } from "../support/test_folder.ts";
import { sleep } from "../support/wait.ts";

/** The last line of a record: what was taken, stored and lost. */
function readCounts(line: string): { taken: number; stored: number; lost: number } {
  const numbers = /: (\d+) samples taken, (\d+) stored, (\d+) lost/.exec(line);
  assert.ok(numbers, line);
  const [taken, stored, lost] = numbers.slice(1).map(Number) as [number, number, number];
  return { taken, stored, lost };
}

testAsRoot(
  "record writes the hot function as the widest leaf, and leaves nothing in the kernel, when it ends",
  async () => {
    await using folder = await makeTestFolder("record");
    const burn = `${folder.path}/burn`;
    await compileTarget("burn", burn);
    await using target = await startTarget(burn, "2", "3");
    const output = `${folder.path}/a.pb.gz`;
    await using record = startStakeout(
      ["record", "--pid", String(target.pid), "--for", "4s", "--frequency", "199", "-o", output],
    );
    const held = await waitUntilItProfiles(record.pid);
    assert.equal(await record.ended(), 0);
    await expectGone(held);

    const { taken, stored, lost } = readCounts(await record.waitForLine(/^wrote .*a\.pb\.gz \(pprof\): /));
    assert.equal(taken, stored + lost);
    // 199 a second for each core that two threads get of two cores that others use as well.
    assert.ok(taken > 199 && taken <= 199 * 4 * 2 + 20, `${taken} samples`);
    const top = await readPprofTop(output);
    assert.equal(top[0]?.name, "inner_a");
    assert.ok(Math.abs(top[0].flatPercent - 70) < 10, `inner_a has ${top[0].flatPercent} %`);
    for (const name of ["outer", "descend"]) {
      assert.ok(top.find((line) => line.name === name)!.totalPercent > 95, name);
    }
  },
);

testAsRoot(
  "record writes stacks whose weights add up to what was stored when the file is folded",
  async () => {
    await using folder = await makeTestFolder("record");
    const burn = `${folder.path}/burn`;
    await compileTarget("burn", burn);
    await using one = await startTarget(burn, "1");
    await using other = await startTarget(burn, "1");
    const output = `${folder.path}/two.folded`;
    const pids = [one, other].flatMap(({ pid }) => ["--pid", String(pid)]);
    await using record = startStakeout(["record", ...pids, "--for", "3s", "-o", output]);
    assert.equal(await record.ended(), 0);
    const { taken, stored, lost } = readCounts(await record.waitForLine(/^wrote /));
    const text = await Deno.readTextFile(output);
    assert.equal(sumFolded(text), stored);
    assert.equal(taken, stored + lost);
    assert.match(text, /^(_start;)?__libc_start[^ ]*;main;burn;descend;outer;inner_a \d+$/m);
    // What interrupts them has names of the kernel's.
    assert.doesNotMatch(text, /\[kernel\]\+0x/);
  },
);

testAsRoot("record still writes a profile with names when the process ends meanwhile", async () => {
  await using folder = await makeTestFolder("record");
  const burn = `${folder.path}/burn`;
  await compileTarget("burn", burn);
  await using target = await startTarget(burn, "1", "0", "5");
  const output = `${folder.path}/gone.pb.gz`;
  await using record = startStakeout(
    ["record", "--pid", String(target.pid), "--for", "60s", "-o", output],
  );
  assert.equal(await record.ended(30), 0);
  await record.waitForLine(/^wrote .*; the process ended/);
  assert.equal((await readPprofTop(output))[0]?.name, "inner_a");
});

testAsRoot("record takes the process alone, by its names, when it forks all the time", async () => {
  await using folder = await makeTestFolder("record");
  const forks = `${folder.path}/forks`;
  await compileTarget("fork_burn", forks);
  await using target = await startTarget(forks);
  const output = `${folder.path}/forks.folded`;
  await using record = startStakeout(["record", "--pid", String(target.pid), "--for", "3s", "-o", output]);
  assert.equal(await record.ended(), 0);
  const text = await Deno.readTextFile(output);
  const parent = sumFolded(text.split("\n").filter((line) => line.includes(";parent_work")).join("\n"));
  assert.ok(parent > sumFolded(text) / 2, text);
  assert.ok(!text.includes("child_work"), text);
});

testAsRoot("record writes what it has, at once, when it is interrupted", async () => {
  await using folder = await makeTestFolder("record");
  const burn = `${folder.path}/burn`;
  await compileTarget("burn", burn);
  await using target = await startTarget(burn, "1");
  const output = `${folder.path}/early.pb.gz`;
  await using record = startStakeout(
    ["record", "--pid", String(target.pid), "--for", "10m", "-o", output],
  );
  await waitUntilItProfiles(record.pid);
  await sleep(2500);
  record.kill("SIGINT");
  assert.equal(await record.ended(5), 0);
  await record.waitForLine(/^wrote .*; stopped early/);
  assert.equal((await readPprofTop(output))[0]?.name, "inner_a");
});

testAsRoot("record writes inlined functions as frames of their own, and lines of the source", async () => {
  await using folder = await makeTestFolder("record");
  const burn = `${folder.path}/burn`;
  await compileTarget("burn_inlined", burn);
  await using target = await startTarget(burn);
  const output = `${folder.path}/lines.pb.gz`;
  await using record = startStakeout(["record", "--pid", String(target.pid), "--for", "2s", "-o", output]);
  assert.equal(await record.ended(), 0);
  const source = `${repositoryRoot}/tests/programs/burn_inlined.c`;
  const lines = (await Deno.readTextFile(source)).split("\n");
  const hot = lines.findIndex((line) => line.includes("the hot line")) + 1;
  const top = await readPprofTop(output, "-lines");
  const total = (name: string) => {
    const found = top.filter((line) => line.name.startsWith(name));
    return found.reduce((sum, { totalPercent }) => sum + totalPercent, 0);
  };
  assert.ok(total(`mix ${source}:${hot} (inline)`) > 90, JSON.stringify(top));
  assert.ok(total(`mix_twice ${source}:`) > 95, JSON.stringify(top));
  assert.ok(total(`burn ${source}:`) > 95, JSON.stringify(top));
});

testAsRoot("record writes Python's functions where its evaluator was, with their lines", async () => {
  await using folder = await makeTestFolder("record");
  await using target = new PythonProgram(["/usr/bin/python3", pythonWork]);
  await target.readLine();
  for (const output of ["a.folded", "a.pb.gz"].map((name) => `${folder.path}/${name}`)) {
    const words = ["record", "--pid", String(target.pid), "--for", "3s", "-o", output];
    await using record = startStakeout(words);
    assert.equal(await record.ended(), 0);
  }
  const text = await Deno.readTextFile(`${folder.path}/a.folded`);
  const share = (pattern: RegExp) =>
    100 * sumFolded(text.split("\n").filter((line) => pattern.test(line)).join("\n")) / sumFolded(text);
  assert.ok(share(/^Thread\._bootstrap;Thread\._bootstrap_inner;Thread\.run;begin;work;iterate;/) > 90, text);
  assert.ok(share(/iterate;Work\.shares;measure\.<locals>\.measured;hot;spin/) > 15, text);
  // C that Python called, and that called Python again, lies between the two.
  assert.ok(share(/;call_back;([^;]+;)*ffi_call;([^;]+;)*qsort_r;([^;]+;)*compare;/) > 0.3, text);
  assert.ok(share(/_PyEval_EvalFrameDefault/) < 2, text);

  const lines = (await Deno.readTextFile(pythonWork)).split("\n");
  const called = lines.findIndex((line) => line.includes("return spin(1400)")) + 1;
  const top = await readPprofTop(`${folder.path}/a.pb.gz`, "-lines");
  const hot = top.filter(({ name }) => name.startsWith("hot "));
  const atCall = hot.filter(({ name }) => name === `hot ${pythonWork}:${called}`);
  assert.ok(atCall[0]!.totalPercent > 0.9 * hot.reduce((sum, { totalPercent }) => sum + totalPercent, 0));
});
