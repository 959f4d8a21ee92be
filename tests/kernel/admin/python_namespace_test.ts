import assert from "node:assert/strict";
import { findPython, PythonProgram, pythonWork } from "../../support/python_program.ts";
import { libbpf } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";
import { namesOf, samplePython, sumWeights } from "../python_sampler.ts";

const frequencyHz = 997;
const debian = findPython("3.11");
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
      const { stacks } = await samplePython(child, { milliseconds: 700, frequencyHz });
      const working = stacks.filter((stack) => namesOf(stack).includes("iterate"));
      assert.ok(sumWeights(stacks) > 30);
      assert.ok(sumWeights(working) > 0.95 * sumWeights(stacks));
    }
  }));
