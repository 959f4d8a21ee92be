import assert from "node:assert/strict";
import { enableStats, readProgramStats } from "../../../lib/bpf/stats.ts";
import { configurePython, setPythons } from "../../../src/agent/python/configure_python.ts";
import { findPythons } from "../../../src/agent/python/find_pythons.ts";
import { libbpf, sleep, startTarget } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";
import { hostilePython } from "../python_hostile.ts";
import { Sampler } from "../sampler.ts";

Deno.test("on_cpu takes less than 50 us a sample when lists of threads and frames have no end", () =>
  withoutLeaks(libbpf, async () => {
    for (const how of ["frames", "threads", "interpreters"]) {
      await using target = await startTarget(hostilePython, how);
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
