import assert from "node:assert/strict";
import { bootNs } from "../../../lib/sys/kernel_clock.ts";
import { nextDueMs } from "./schedule.ts";

Deno.test("nextDueMs() gives calls of several intervals the same moments, which lie ahead", () => {
  for (let round = 0; round < 100; round++) {
    const [short, long] = [nextDueMs(10_000), nextDueMs(20_000)];
    const aheadMs = short - performance.now();
    assert.ok(aheadMs > -50 && aheadMs <= 10_000, `${aheadMs}`);
    const apartMs = long - short;
    assert.ok(Math.min(Math.abs(apartMs), Math.abs(apartMs - 10_000)) < 50, `${apartMs}`);
    const atBootMs = bootNs() / 1e6 + short - performance.now();
    assert.ok(Math.abs(atBootMs - Math.round(atBootMs / 10_000) * 10_000) < 50, `${atBootMs}`);
  }
});
