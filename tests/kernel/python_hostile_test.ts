import assert from "node:assert/strict";
import { libbpf, startTarget } from "./harness.ts";
import { withoutLeaks } from "./leak_check.ts";
import { hostilePython } from "./python_hostile.ts";
import { samplePython } from "./python_sampler.ts";

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
      await using target = await startTarget(hostilePython, how);
      const { stacks, missing } = await samplePython(target.pid, { milliseconds: 200, frequencyHz: 499 });
      assert.ok(stacks.length > 0, how);
      for (const { frames } of stacks) {
        assert.deepEqual(frames.map(({ function: name, line }) => `${name}:${line}`), expected.frames, how);
      }
      assert.equal(missing.length, expected.broken ? 1 : 0, `${how}: ${missing}`);
    }
  }));
