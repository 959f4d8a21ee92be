import assert from "node:assert/strict";
import { OnCpuSession } from "../../src/agent/profile/on_cpu_session.ts";
import type { PythonFrame } from "../../src/agent/python/python_codes.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { libbpf, sleep } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { findPython, PythonProgram, pythonWork } from "./pythons.ts";

const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/on_cpu.bpf.o`);
/** What the program wraps its functions in to measure them; its oracle does not know of it. */
const wrapper = "measure.<locals>.measured";

/** Stacks of Python frames, root first, with their weights. */
type Stacks = { frames: PythonFrame[]; tid: number; weight: number }[];

/** Samples a process for some time. */
async function sample(
  pid: number,
  milliseconds: number,
): Promise<{ stacks: Stacks; missing: string[]; truncated: number }> {
  const session = await OnCpuSession.open(libbpf, program, { pids: [pid], frequencyHz: 997 });
  try {
    await sleep(milliseconds);
    await session.detach();
    const { samples } = session.read();
    const stacks = samples.map(({ frames, tid, weight }) => ({
      frames: frames.python.toReversed(),
      tid,
      weight,
    }));
    return { stacks, missing: session.explainMissing(), truncated: session.counters().truncated };
  } finally {
    await session.close();
  }
}

function sumWeights(stacks: Stacks): number {
  return stacks.reduce((sum, { weight }) => sum + weight, 0);
}

function namesOf({ frames }: Stacks[number]): string[] {
  return frames.map(({ function: name }) => name);
}

for (const minor of ["3.11", "3.12", "3.13"]) {
  const python = findPython(minor);

  Deno.test({
    name:
      `on_cpu takes the frames of Python ${minor}: chains and lines that it is in, in the shares it spends`,
    ignore: python === "",
    fn: () =>
      withoutLeaks(libbpf, async () => {
        await using target = new PythonProgram([python, pythonWork]);
        const chains = new Set(JSON.parse(await target.readLine()) as string[]);
        const { stacks } = await sample(target.pid, 2500);
        await target.endInput();
        const spent: { hot: number; warm: number; all: number } = JSON.parse(await target.readLine());

        const working = stacks.filter((stack) => namesOf(stack).includes("iterate"));
        const total = sumWeights(stacks);
        assert.ok(total > 300, `${total} samples`);
        assert.ok(sumWeights(working) > 0.97 * total, `${sumWeights(working)} of ${total}`);
        let strange = 0;
        for (const { frames, weight } of working) {
          const inside = frames.slice(frames.findIndex(({ function: name }) => name === "iterate"))
            .filter(({ function: name }) => name !== wrapper);
          const chain = inside.map(({ function: name, line }) => `${name}:${line}`).join(";");
          if (!chains.has(chain)) {
            strange += weight;
          }
          for (const { file } of inside) {
            if (!file.startsWith("/") && !file.startsWith("<frozen")) assert.fail(file);
          }
        }
        assert.ok(strange <= 0.01 * total, `${strange} of ${total} samples are in no chain of the program`);
        for (const [name, spentNs] of Object.entries(spent).filter(([name]) => name !== "all")) {
          const percent = 100 * sumWeights(stacks.filter((stack) => namesOf(stack).includes(name))) / total;
          const expected = 100 * spentNs / spent.all;
          assert.ok(Math.abs(percent - expected) < 3, `${name} has ${percent} %, it spent ${expected} %`);
        }
      }),
  });
}

const debian = findPython("3.11");

Deno.test("on_cpu finds each thread's own frames, and cuts them at 127 from the leaf, when they are deep", () =>
  withoutLeaks(libbpf, async () => {
    await using target = new PythonProgram([debian, pythonWork, "300", "5"]);
    await target.readLine();
    const { stacks, truncated } = await sample(target.pid, 1500);
    const deep = stacks.filter(({ frames }) => frames.length === 127);
    assert.ok(sumWeights(deep) > 0.9 * sumWeights(stacks), `${sumWeights(deep)} of ${sumWeights(stacks)}`);
    for (const stack of deep) {
      assert.ok(namesOf(stack).includes("iterate") || namesOf(stack).includes("work"));
    }
    assert.ok(truncated >= sumWeights(deep), `${truncated}`);
    assert.equal(new Set(deep.map(({ tid }) => tid)).size, 5);
  }));

Deno.test("on_cpu finds Python's frames in a pid namespace of their own, and in a child that forked", () =>
  withoutLeaks(libbpf, async () => {
    const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    await using inside = new PythonProgram([...unshare, debian, pythonWork]);
    await inside.readLine();
    const fork = "import os, sys, runpy; sys.argv[1:] = []; " +
      `os.fork() and os.wait() or runpy.run_path("${pythonWork}", run_name="__main__")`;
    await using forking = new PythonProgram([debian, "-c", fork]);
    await forking.readLine();
    for (const parent of [inside.pid, forking.pid]) {
      const child = Number((await Deno.readTextFile(`/proc/${parent}/task/${parent}/children`)).trim());
      const { stacks } = await sample(child, 700);
      const working = stacks.filter((stack) => namesOf(stack).includes("iterate"));
      assert.ok(sumWeights(stacks) > 30);
      assert.ok(sumWeights(working) > 0.95 * sumWeights(stacks));
    }
  }));

Deno.test("on_cpu says so when a process runs a Python whose frames it does not read", {
  ignore: findPython("3.10") === "",
}, () =>
  withoutLeaks(libbpf, async () => {
    await using old = new PythonProgram([findPython("3.10"), "-c", "print(1, flush=True); input()"]);
    await old.readLine();
    const { stacks, missing } = await sample(old.pid, 100);
    assert.ok(stacks.every(({ frames }) => frames.length === 0));
    assert.deepEqual(missing, [
      `Frames of Python 3.10 in process ${old.pid} are not read; those of CPython 3.11 to 3.13 are`,
    ]);
  }));
