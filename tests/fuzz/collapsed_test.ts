import assert from "node:assert/strict";
import { formatCollapsed, parseCollapsed } from "../../lib/pprof/collapsed.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the folded stack parser survives mutated text, and what is written anew reads the same", () => {
  fuzz("collapsed", (bytes) => {
    const written = formatCollapsed(parseCollapsed(new TextDecoder().decode(bytes)));
    assert.equal(formatCollapsed(parseCollapsed(written)), written);
  });
});
