import assert from "node:assert/strict";
import { formatTable, formatTime } from "./table.ts";

Deno.test("formatTable() aligns text to the left, numbers to the right and wide characters by their columns", () => {
  assert.equal(
    formatTable([["NAME", "TRIPS", "SERVICE"], ["a", "7", "漢字"], ["long-name", "12", "x\x1b[2J"]]),
    "NAME       TRIPS  SERVICE\n" +
      "a              7  漢字\n" +
      "long-name     12  x\\x1b[2J\n",
  );
  assert.equal(formatTable([["漢", "B"], ["a", "x"]]), "漢  B\na   x\n");
  assert.equal(formatTable([["NAME", "N"]]), "NAME  N\n");
});

Deno.test("formatTime() prints RFC 3339 in UTC", () => {
  assert.equal(formatTime(BigInt(Date.UTC(2026, 10, 23, 12, 5, 6, 789))), "2026-11-23T12:05:06Z");
  assert.equal(formatTime(0n), "-");
});
