import assert from "node:assert/strict";
import { type Abilities, builtAbilities, PolicyBook } from "./policy_book.ts";

function policyText(
  name: string,
  lines: readonly string[],
): { name: string; source: string; version: number } {
  const source = ["apiVersion: stakeout/v1", "kind: Policy", `metadata: { name: ${name} }`, ...lines].join(
    "\n",
  );
  return { name, source, version: 3 };
}

const cpuRule = "  - { metric: process_cpu, threshold: 80%, period: 10s, count: 5 }";
const httpRule = "  - { metric: http_error_rate, threshold: 5%, period: 10s, count: 5 }";

/** A host on which HTTP cannot be watched. */
const withoutHttp: Abilities = {
  ...builtAbilities,
  metric: (metric) => metric.startsWith("http_") ? "no" : undefined,
  kind: (kind) => kind === "off_cpu" ? "no" : undefined,
};

Deno.test("PolicyBook.replace() refuses each rule and kind that cannot be done and keeps the rest in place", () => {
  const book = new PolicyBook(withoutHttp);
  const text = policyText("mixed", [
    'target: { exe: "*" }',
    "rules:",
    httpRule,
    cpuRule,
    "start: [off_cpu, on_cpu]",
  ]);
  book.replace(7, [text]);
  const active = book.get("mixed");
  assert.deepEqual(active?.rules.map(({ index, rule }) => [index, rule.metric]), [[1, "process_cpu"]]);
  assert.deepEqual(book.refusals.map(({ path }) => path), ["rules[0]", "start[0]"]);
  assert.equal(book.setVersion, 7);
});

Deno.test("PolicyBook.replace() refuses tls where the host cannot read it, and judges the rules without", () => {
  const lines = ['target: { exe: "*" }', "rules:", httpRule, "start: [on_cpu]", "tls: true"];
  const book = new PolicyBook(builtAbilities);
  book.replace(1, [policyText("secure", lines)]);
  assert.deepEqual(book.refusals, []);
  const without = new PolicyBook({ ...builtAbilities, tls: () => "needs uprobe_multi" });
  without.replace(1, [policyText("secure", lines)]);
  assert.deepEqual(without.refusals, [{ policy: "secure", path: "tls", reason: "needs uprobe_multi" }]);
  assert.equal(without.get("secure")?.rules.length, 1);
});

Deno.test("PolicyBook.replace() leaves out a policy without a rule to judge, a paused one and a broken one", () => {
  const book = new PolicyBook(withoutHttp);
  book.replace(1, [
    policyText("http-only", ['target: { exe: "*" }', "rules:", httpRule, "start: [on_cpu]"]),
    policyText("paused", ["paused: true", 'target: { exe: "*" }', "rules:", cpuRule, "start: [on_cpu]"]),
    policyText("broken", ["rules: 7"]),
  ]);
  assert.deepEqual([...book.values()], []);
  assert.ok(book.refusals.some(({ policy }) => policy === "broken"));
  book.replace(2, []);
  assert.deepEqual(book.refusals, []);
});
