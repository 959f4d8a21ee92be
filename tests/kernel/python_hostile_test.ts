import assert from "node:assert/strict";
import { enableStats, readProgramStats } from "../../lib/bpf/stats.ts";
import { repositoryRoot, runCommand } from "../../scripts/command.ts";
import { configurePython, setPythons } from "../../src/agent/python/configure_python.ts";
import { findPythons } from "../../src/agent/python/find_pythons.ts";
import { libbpf, sleep, startTarget } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { samplePython } from "./python_sampler.ts";
import { Sampler } from "./sampler.ts";

const hostile = `${repositoryRoot}/build/tests/${Deno.uid()}/python_hostile`;
Deno.mkdirSync(hostile.slice(0, hostile.lastIndexOf("/")), { recursive: true });
await runCommand("gcc", [
  ...["-O1", "-no-pie", "-rdynamic", "-pthread", "-o", hostile],
  `${repositoryRoot}/tests/programs/python_hostile.c`,
]);

/** What each way of being broken leaves of the stack, as "function:line" leaf first; "broken" when that is told as well. */
const ways: Readonly<Record<string, { frames: string[]; broken: boolean }>> = {
  none: { frames: ["good:0"], broken: false },
  frames: { frames: Array(127).fill("good:0"), broken: false },
  threads: { frames: [], broken: false },
  interpreters: { frames: [], broken: false },
  kernel: { frames: [], broken: true },
  length: { frames: [":0"], broken: true },
  width: { frames: [":0"], broken: true },
  lines: { frames: ["good:0"], broken: false },
  wide: { frames: [`${"\uFFFD".repeat(32)}…:0`], broken: false },
  instruction: { frames: ["good:0"], broken: false },
  type: { frames: [":0"], broken: true },
  unmapped: { frames: [], broken: true },
};

Deno.test("on_cpu takes what makes sense, and says what does not, when a process makes its own Python", () =>
  withoutLeaks(libbpf, async () => {
    for (const [how, expected] of Object.entries(ways)) {
      await using target = await startTarget(hostile, how);
      const { stacks, missing } = await samplePython(target.pid, { milliseconds: 200, frequencyHz: 499 });
      assert.ok(stacks.length > 0, how);
      for (const { frames } of stacks) {
        assert.deepEqual(frames.map(({ function: name, line }) => `${name}:${line}`), expected.frames, how);
      }
      assert.equal(missing.length, expected.broken ? 1 : 0, `${how}: ${missing}`);
    }
  }));

Deno.test("on_cpu takes less than 50 us a sample when lists of threads and frames have no end", () =>
  withoutLeaks(libbpf, async () => {
    for (const how of ["frames", "threads", "interpreters"]) {
      await using target = await startTarget(hostile, how);
      const { processes } = await findPythons([target.pid]);
      assert.equal(processes.length, 1);
      const disableStats = enableStats(libbpf);
      const sampler = await Sampler.start([target.pid], 499, (object) => configurePython(object, true));
      setPythons(sampler.object, processes);
      await sleep(500);
      await sampler.detach();
      const { runCount, runTimeNs } = readProgramStats(libbpf, sampler.object.program("on_cpu").fd);
      disableStats();
      sampler.close();
      assert.ok(runCount > 0 && runTimeNs / runCount < 50_000, `${how}: ${runTimeNs / runCount} ns`);
    }
  }));
