/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { formatLocalTime, formatUtc, formatZone } from "./time.ts";

const noon = new Date(2026, 10, 23, 12, 0, 5).getTime();
const day = 86_400_000;

Deno.test("formatLocalTime() leaves out the date today and the year this year, and always names the zone", () => {
  assert.match(formatLocalTime(noon, noon + 1000), /^12:00:05 \S+$/);
  assert.match(formatLocalTime(noon, noon + day), /^Nov 23, 12:00:05 \S+$/);
  assert.match(formatLocalTime(noon, noon + 365 * day), /^Nov 23, 2026, 12:00:05 \S+$/);
  assert.ok(formatLocalTime(noon, noon).endsWith(formatZone(noon)));
});

Deno.test("formatUtc() tells the second in UTC", () => {
  assert.equal(formatUtc(Date.UTC(2026, 10, 23, 13, 3, 22, 999)), "2026-11-23 13:03:22 UTC");
});
