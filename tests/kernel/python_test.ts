import assert from "node:assert/strict";
import { libbpf } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { namesOf, samplePython, sumWeights } from "./python_sampler.ts";
import { findPython, PythonProgram, pythonWork } from "../support/python_program.ts";

/** What the program wraps its functions in to measure them; its oracle does not know of it. */
const wrapper = "measure.<locals>.measured";
const frequencyHz = 997;

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
        const { stacks } = await samplePython(target.pid, { milliseconds: 2500, frequencyHz });
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
          const standardError = Math.sqrt(expected * (100 - expected) / total);
          const allowed = Math.max(3, 4 * standardError);
          assert.ok(
            Math.abs(percent - expected) < allowed,
            `${name} has ${percent} %, it spent ${expected} %`,
          );
        }
      }),
  });
}

const debian = findPython("3.11");

Deno.test("on_cpu finds each thread's own frames, and cuts them at 127 from the leaf, when they are deep", () =>
  withoutLeaks(libbpf, async () => {
    await using target = new PythonProgram([debian, pythonWork, "300", "5"]);
    await target.readLine();
    const { stacks, truncated } = await samplePython(target.pid, { milliseconds: 1500, frequencyHz });
    const deep = stacks.filter(({ frames }) => frames.length === 127);
    assert.ok(sumWeights(deep) > 0.9 * sumWeights(stacks), `${sumWeights(deep)} of ${sumWeights(stacks)}`);
    for (const stack of deep) {
      assert.ok(namesOf(stack).includes("iterate") || namesOf(stack).includes("work"));
    }
    assert.ok(truncated >= sumWeights(deep), `${truncated}`);
    assert.equal(new Set(deep.map(({ tid }) => tid)).size, 5);
  }));

Deno.test("on_cpu finds the interpreter that a thread is in when it was in another one before", () =>
  withoutLeaks(libbpf, async () => {
    const script = `import _xxsubinterpreters as interpreters
def spin():
    while True:
        pass
other = interpreters.create()
interpreters.run_string(other, "pass")
print("ready", flush=True)
spin()`;
    await using target = new PythonProgram([debian, "-c", script]);
    await target.readLine();
    const { stacks } = await samplePython(target.pid, { milliseconds: 500, frequencyHz });
    const spinning = stacks.filter((stack) => namesOf(stack).join(";") === "<module>;spin");
    assert.ok(sumWeights(stacks) > 20);
    assert.ok(sumWeights(spinning) > 0.9 * sumWeights(stacks));
  }));

Deno.test("on_cpu says so when a process runs a Python whose frames it does not read", {
  ignore: findPython("3.10") === "",
}, () =>
  withoutLeaks(libbpf, async () => {
    await using old = new PythonProgram([findPython("3.10"), "-c", "print(1, flush=True)\nwhile True: pass"]);
    await old.readLine();
    const { stacks, missing } = await samplePython(old.pid, { milliseconds: 100, frequencyHz });
    assert.ok(stacks.every(({ frames }) => frames.length === 0));
    assert.deepEqual(missing, [
      `Frames of Python 3.10 in process ${old.pid} are not read; those of CPython 3.11 to 3.13 are`,
    ]);
  }));
