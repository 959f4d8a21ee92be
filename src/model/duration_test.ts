import assert from "node:assert/strict";
import { formatDuration, parseDuration } from "./duration.ts";

Deno.test("parseDuration() reads one number with its unit and nothing else", () => {
  const expected: [string, number | undefined][] = [
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["0s", 0],
    ["0.5ms", 0.5],
    ["30", undefined],
    ["-1s", undefined],
    ["1h30m", undefined],
    ["1 s", undefined],
    ["1d", undefined],
    ["", undefined],
    ["1e3s", undefined],
    ["9".repeat(13) + "h", undefined],
  ];
  for (const [text, milliseconds] of expected) assert.equal(parseDuration(text), milliseconds, text);
});

Deno.test("formatDuration() writes what parseDuration() reads back", () => {
  for (const milliseconds of [0, 0.5, 1, 999, 1000, 1500, 90_000, 300_000, 3_600_000, 86_400_000]) {
    assert.equal(parseDuration(formatDuration(milliseconds)), milliseconds);
  }
  assert.equal(formatDuration(90_000), "90s");
  assert.equal(formatDuration(600_000), "10m");
});
