import assert from "node:assert/strict";
import { readBoundedLines } from "./bounded_lines.ts";

async function split(parts: string[], limit = 5): Promise<(string | undefined)[]> {
  return await Array.fromAsync(
    readBoundedLines(ReadableStream.from(parts.map((part) => new TextEncoder().encode(part))), limit),
  );
}

Deno.test("readBoundedLines() gives whole lines however the stream is cut", async () => {
  assert.deepEqual(await split(["a\nbc\n"]), ["a", "bc"]);
  assert.deepEqual(await split(["a", "b", "\n", "\nc", "d\n", "left"]), ["ab", "", "cd"]);
  assert.deepEqual(await split(["\u00e9".repeat(2), "\n"]), ["éé"]);
});

Deno.test("readBoundedLines() tells of a line over the limit and goes on behind it", async () => {
  assert.deepEqual(await split(["12345\n123456\nok\n"]), ["12345", undefined, "ok"]);
  assert.deepEqual(await split([...Array<string>(997).fill("xyz"), "\nok\n"]), [undefined, "ok"]);
});
