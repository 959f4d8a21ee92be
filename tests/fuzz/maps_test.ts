import assert from "node:assert/strict";
import { keepExecutable, parseMaps } from "../../lib/procfs/maps.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the maps parser survives mutated text, and keeps its mappings in order", () => {
  fuzz("maps", (bytes) => {
    const text = new TextDecoder().decode(bytes);
    let end = 0;
    for (const mapping of parseMaps(text)) {
      assert.ok(mapping.start >= end && mapping.end > mapping.start && mapping.end <= 2 ** 48);
      end = mapping.end;
    }
    parseMaps(keepExecutable(text));
  });
});
