import assert from "node:assert/strict";
import { onlineCpus, parseCpuList } from "./perf_event.ts";

Deno.test("parseCpuList() reads single CPUs and ranges", () => {
  assert.deepEqual(parseCpuList("0\n"), [0]);
  assert.deepEqual(parseCpuList("0-3,5,8-9\n"), [0, 1, 2, 3, 5, 8, 9]);
  assert.deepEqual(parseCpuList("\n"), []);
});

Deno.test("onlineCpus() returns at least as many CPUs as this process may use", () => {
  assert.ok(onlineCpus().length >= navigator.hardwareConcurrency);
});
