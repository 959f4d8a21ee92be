import assert from "node:assert/strict";
import { expandVariables } from "./expand_variables.ts";

const environment: Record<string, string> = { HOST: "db", EMPTY: "", NESTED: "${HOST}" };

function expand(text: string) {
  return expandVariables(text, (name) => environment[name]);
}

Deno.test("expandVariables() fills in values and defaults", () => {
  assert.deepEqual(expand("http://${HOST}:${PORT:7471}/"), { text: "http://db:7471/" });
  assert.deepEqual(expand("${URL:http://a:1}|${EMPTY:x}|${NONE:}"), { text: "http://a:1||" });
});

Deno.test("expandVariables() names the first variable that is not set", () => {
  assert.deepEqual(expand("${A}${B}"), { text: "${A}${B}", missing: "A" });
});

Deno.test("expandVariables() leaves values and other dollar signs alone", () => {
  assert.deepEqual(expand("${NESTED} $HOST $${HOST} $5 ${}"), { text: "${HOST} $HOST ${HOST} $5 ${}" });
});
