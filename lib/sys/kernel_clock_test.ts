import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { bootNs, KernelClock } from "./kernel_clock.ts";

Deno.test("bootNs() is the host's uptime and never falls", () => {
  const uptimeSeconds = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  let last = bootNs();
  assert.ok(Math.abs(last / 1e9 - uptimeSeconds) < 1);
  for (let round = 0; round < 1000; round++) {
    const now = bootNs();
    assert.ok(now >= last);
    last = now;
  }
});

Deno.test("unixMs() turns a moment since boot into wall time, and an earlier one into an earlier time", () => {
  const clock = new KernelClock();
  const now = clock.bootNs();
  assert.ok(Math.abs(clock.unixMs(now) - systemClock.nowUnixMs()) < 1000);
  assert.equal(clock.unixMs(now) - clock.unixMs(now - 5e9), 5000);
});
