import assert from "node:assert/strict";
import { type Rule, ruleDefaults } from "./policy.ts";
import { seriesVariant } from "./series.ts";

function variant(rule: Partial<Rule>): string {
  return seriesVariant({ ...ruleDefaults, metric: "http_error_rate", threshold: 500, ...rule });
}

Deno.test("seriesVariant() tells apart rules whose values differ and no others", () => {
  assert.equal(variant({}), "");
  assert.equal(variant({ uri: { paths: ["/a"] }, role: "client", errors: "5xx" }), "path client 5xx");
  assert.equal(variant({ uri: { prefixes: ["/a"] } }), "prefix");
  assert.equal(variant({ uri: { regex: "/a" } }), "regex");
  const slow = { metric: "http_p95_response_time", errors: "5xx" } as const;
  assert.equal(variant({ ...slow, includePending: true }), "pending>500");
  assert.equal(variant(slow), "");
  assert.equal(variant({ includePending: true }), "");
  assert.equal(variant({ metric: "process_cpu", role: "client" }), "");
});
