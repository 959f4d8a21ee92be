/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import fc from "fast-check";
import { diffLines } from "./diff_lines.ts";

Deno.test("diffLines() keeps what both have and tells removed from added", () => {
  const lines = diffLines("a\nb\nc", "a\nx\nc\nd").map(({ kind, text }) => `${kind} ${text}`);
  assert.deepEqual(lines, ["same a", "removed b", "added x", "same c", "added d"]);
});

Deno.test("diffLines() gives back both texts whatever they are", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 30 }).map((lines) =>
    lines.join("\n")
  );
  fc.assert(fc.property(text, text, (before, after) => {
    const lines = diffLines(before, after);
    const join = (without: string) =>
      lines.filter(({ kind }) => kind !== without).map(({ text }) => text).join("\n");
    assert.equal(join("added"), before);
    assert.equal(join("removed"), after);
  }));
});

Deno.test("diffLines() replaces the whole when the texts are too long to compare", () => {
  const before = "a\n".repeat(3000);
  const lines = diffLines(before, `${before}b`);
  assert.equal(lines.filter(({ kind }) => kind === "same").length, 0);
});
