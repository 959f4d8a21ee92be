/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cutMiddle,
  formatAgo,
  formatBytes,
  formatPercent,
  formatShare,
  formatSpan,
  formatValue,
  formatWeight,
  showInvisible,
} from "./format.ts";

Deno.test("formatPercent() keeps three digits that matter and groups thousands", () => {
  const shown = [0, 0.004, 0.234, 7.456, 82.44, 399.6, 75005].map(formatPercent);
  assert.deepEqual(shown, ["0 %", "< 0.01 %", "0.23 %", "7.46 %", "82.4 %", "400 %", "75,005 %"]);
});

Deno.test("formatShare() says less than a tenth instead of zero, and zero only for nothing", () => {
  assert.equal(formatShare(0, 10), "0.0 %");
  assert.equal(formatShare(1, 100_000), "< 0.1 %");
  assert.equal(formatShare(61, 100), "61.0 %");
  assert.equal(formatShare(5, 0), "0.0 %");
});

Deno.test("formatBytes() uses binary units", () => {
  assert.deepEqual([0, 1023, 1536, 88_080_384n, 10n * 2n ** 30n].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "84 MiB",
    "10 GiB",
  ]);
});

Deno.test("formatSpan() shows two units at most and leaves zeros out", () => {
  const shown = [0, 45, 72, 3600, 7500, 273_600].map(formatSpan);
  assert.deepEqual(shown, ["0 s", "45 s", "1 min 12 s", "1 h", "2 h 5 min", "3 d 4 h"]);
  assert.equal(formatAgo(1), "just now");
  assert.equal(formatAgo(192), "3 min ago");
});

Deno.test("formatWeight() counts samples and tells time in the unit that fits", () => {
  assert.equal(formatWeight(5940, "samples"), "5,940");
  assert.deepEqual([1500, 2.5e6, 3e9].map((weight) => formatWeight(weight, "nanoseconds")), [
    "1.5 µs",
    "2.5 ms",
    "3 s",
  ]);
});

Deno.test("formatValue() shows a metric that this build does not know without a unit", () => {
  assert.equal(formatValue("process_cpu", 82.44), "82.4 %");
  assert.equal(formatValue("http_avg_response_time", 1500), "1.5 s");
  assert.equal(formatValue("http_p42_response_time", 1.239), "1.24");
});

Deno.test("cutMiddle() keeps beginning and end and never grows beyond the length asked for", () => {
  assert.equal(cutMiddle("short", 10), "short");
  assert.equal(cutMiddle("checkout::price(Cart const&)", 16), "checkout::…nst&)");
  fc.assert(fc.property(fc.string(), fc.integer({ min: 2, max: 80 }), (text, length) => {
    assert.ok(cutMiddle(text, length).length <= Math.max(length, 2));
  }));
});

Deno.test("showInvisible() writes out what fools the eye and leaves letters of every script", () => {
  assert.equal(showInvisible("evil\u202etxt.exe"), "evil\\u202etxt.exe");
  assert.equal(showInvisible("bell\u0007\u200b"), "bell\\u0007\\u200b");
  assert.equal(showInvisible("lone \ud800 half"), "lone \\ud800 half");
  assert.equal(showInvisible("naïve 決済 🔥 <b>"), "naïve 決済 🔥 <b>");
});
