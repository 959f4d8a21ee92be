import assert from "node:assert/strict";
import { readLoadAverage } from "./load_average.ts";

Deno.test("readLoadAverage() agrees with the system call", () => {
  const load = readLoadAverage();
  assert.ok(
    load !== undefined && Math.abs(load - Deno.loadavg()[0]!) < 0.2,
    `${load} is not ${Deno.loadavg()[0]}`,
  );
});
