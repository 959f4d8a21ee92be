import assert from "node:assert/strict";
import { type Rule, ruleDefaults } from "./policy.ts";
import { describeSeries, seriesVariant } from "./series.ts";

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

Deno.test("describeSeries() says which requests a series is about", () => {
  const cases = [
    ["", "", ""],
    ["/pay", "path", " on /pay"],
    ["/api/", "prefix client 5xx", " on /api/*, as client, only 5xx"],
    ["^/x", "regex", " on /^/x/"],
    ["", "client", " as client"],
    ["", "pending>1500", ", in flight over 1.5 s too"],
    // As causes of agents before there were variants.
    ["/pay", "", " on /pay"],
  ] as const;
  for (const [uri, variant, words] of cases) assert.equal(describeSeries({ uri, variant }), words);
});
