/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { parsePolicies } from "../../model/policy_file.ts";
import { draftOf, newDraft, newRule, type PolicyDraft, writeDraft } from "./policy_draft.ts";

function written(draft: PolicyDraft): string {
  const result = writeDraft(draft);
  assert.ok("text" in result, "text" in result ? "" : [...result.faults].join());
  return result.text;
}

function faultsOf(change: Partial<PolicyDraft>): string[] {
  const result = writeDraft({ ...newDraft({ service: "checkout" }), ...change });
  return "faults" in result ? [...result.faults.keys()] : [];
}

Deno.test("writeDraft() writes a policy without problems from the form's first state", () => {
  const { documents, problems } = parsePolicies(written(newDraft({ service: "Checkout API/v2" })));
  assert.deepEqual(problems, []);
  assert.equal(documents[0]?.policy.name, "checkout-api-v2-high-cpu");
  assert.deepEqual(documents[0]?.policy.target, { service: "Checkout API/v2", labels: {} });
});

Deno.test("draftOf() and writeDraft() give back the same policy when it uses every field", () => {
  const source = `apiVersion: stakeout/v1
kind: Policy
metadata: { name: all, description: "all: of it", paused: true }
target: { service: "a*", instance: i, exe: /bin/x, cgroup: "*", host: h, labels: { team: pay, env: "p*" } }
rules:
  - { metric: http_avg_response_time, threshold: 1.5s, period: 30s, count: 10, uri: { prefixes: [/a, /b] }, role: client, include_pending: true }
  - { metric: http_error_rate, threshold: 5%, period: 1m, count: 6, uri: { regex: "^/x y" }, errors: 5xx }
  - { metric: process_thread_count, threshold: 400, period: 30s, count: 1, }
start: [on_cpu, off_cpu]
duration: 90s
silence: 0s
on_cpu: { frequency: 499 }
off_cpu: { minimum: 2ms }
tls: true
`;
  const policy = parsePolicies(source).documents[0]?.policy;
  assert.ok(policy !== undefined);
  assert.deepEqual(parsePolicies(written(draftOf(policy))).documents[0]?.policy, policy);
});

Deno.test("writeDraft() gives a bare threshold the unit of its metric", () => {
  const thresholds = (["process_cpu", "http_avg_response_time", "system_load"] as const).map((metric) => {
    const draft = { ...newDraft({ service: "x" }), rules: [{ ...newRule(metric), threshold: "80" }] };
    return /threshold: (\S+)/.exec(written(draft))?.[1];
  });
  assert.deepEqual(thresholds, ["80%", "80ms", "80"]);
});

Deno.test("writeDraft() names the fields it cannot write, and writes nothing then", () => {
  const rule = newRule("process_cpu");
  assert.deepEqual(faultsOf({ rules: [{ ...rule, threshold: "much", count: "x", period: "soon" }] }), [
    "rules[0].threshold",
    "rules[0].period",
    "rules[0].count",
  ]);
  assert.deepEqual(faultsOf({ duration: "1 minute" }), ["duration"]);
  assert.deepEqual(faultsOf({ labels: "team" }), ["target.labels"]);
  assert.deepEqual(faultsOf({ frequency: "" }), ["on_cpu.frequency"]);
});
