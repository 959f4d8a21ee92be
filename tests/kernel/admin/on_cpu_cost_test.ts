import assert from "node:assert/strict";
import { enableStats, readProgramStats } from "../../../lib/bpf/stats.ts";
import { compileTarget, libbpf, sleep, startTarget } from "../harness.ts";
import { withoutLeaks } from "../leak_check.ts";
import { Sampler } from "../sampler.ts";

const burn = await compileTarget("burn");

Deno.test("on_cpu keeps its maps below 8 MiB and a sample below 50 us", () =>
  withoutLeaks(libbpf, async () => {
    await using target = await startTarget(burn, "1", "20");
    const disableStats = enableStats(libbpf);
    const sampler = await Sampler.start([target.pid], 99);
    await sleep(2000);
    await sampler.detach();
    const stats = readProgramStats(libbpf, sampler.object.program("on_cpu").fd);
    const memory = sampler.object.maps().reduce((sum, map) => sum + map.memlockBytes, 0);
    assert.ok(memory > 0 && memory < 8 * 1024 * 1024, `${memory} bytes`);
    assert.ok(
      stats.runCount > 0 && stats.runTimeNs / stats.runCount < 50_000,
      `${stats.runTimeNs / stats.runCount} ns`,
    );
    disableStats();
    sampler.close();
  }));
