import assert from "node:assert/strict";
import fc from "fast-check";
import { type MetricName, metrics } from "./metric.ts";
import {
  type Policy,
  policyDefaults,
  profileKinds,
  type Rule,
  ruleDefaults,
  type UriFilter,
} from "./policy.ts";
import { parsePolicies } from "./policy_file.ts";
import { writePolicy } from "./write_policy.ts";

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 30 });
const uris = fc.uniqueArray(text.map((rest) => `/${rest}`), { minLength: 1, maxLength: 4 });
const uri: fc.Arbitrary<UriFilter> = fc.oneof(
  uris.map((paths) => ({ paths })),
  uris.map((prefixes) => ({ prefixes })),
  fc.constantFrom("^/api/[a-z]+$", "a|b", ".*", "#", "yes", "1").map((regex) => ({ regex })),
);

const rule: fc.Arbitrary<Rule> = fc.record({
  metric: fc.constantFrom(...Object.keys(metrics) as MetricName[]),
  threshold: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.double({ min: 1e-3, max: 100, noNaN: true })),
  periodSeconds: fc.integer({ min: 1, max: 3600 }),
  count: fc.nat(),
  uri: fc.option(uri, { nil: undefined }),
  errors: fc.constantFrom<Rule["errors"]>("4xx_5xx", "5xx"),
  role: fc.constantFrom<Rule["role"]>("server", "client"),
  includePending: fc.boolean(),
}).map(({ uri, ...rest }) => ({
  ...rest,
  count: 1 + rest.count % rest.periodSeconds,
  includePending: rest.includePending && metrics[rest.metric].unit === "milliseconds",
  ...(uri !== undefined && metrics[rest.metric].http ? { uri } : {}),
}));

const policy: fc.Arbitrary<Policy> = fc.record({
  name: fc.stringMatching(/^[a-z0-9-]{1,63}$/),
  description: fc.oneof(fc.constant(""), text),
  paused: fc.boolean(),
  target: fc.record({
    service: text,
    exe: fc.option(text, { nil: undefined }),
    labels: fc.dictionary(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,20}$/), text, { maxKeys: 3 }),
  }).map(({ exe, ...target }) => ({ ...target, ...(exe === undefined ? {} : { exe }) })),
  rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
  start: fc.uniqueArray(fc.constantFrom(...profileKinds), { minLength: 1 }),
  durationSeconds: fc.integer({ min: 1, max: 3600 }),
  silenceSeconds: fc.integer({ min: 0, max: 86_400 }),
  onCpu: fc.record({ frequencyHz: fc.integer({ min: 1, max: 999 }) }),
  offCpu: fc.record({ minimumNs: fc.integer({ min: 0, max: 10_000_000_000 }) }),
  tls: fc.boolean(),
});

Deno.test("writePolicy() writes what parsePolicies() reads back", () => {
  fc.assert(
    fc.property(policy, (policy) => {
      const { documents, problems } = parsePolicies(writePolicy(policy));
      assert.deepEqual(problems, []);
      assert.deepEqual(structuredClone(documents[0]?.policy), structuredClone(policy));
    }),
    { numRuns: 500, seed: 7 },
  );
});

Deno.test("writePolicy() keeps defaults and leaves out what nobody set", () => {
  const form = {
    name: "cpu",
    target: { service: "shop*", labels: {} },
    rules: [{ metric: "process_cpu" as const, threshold: 80 }],
    start: ["on_cpu" as const],
  };
  const yaml = writePolicy(form);
  assert.equal(
    yaml,
    `apiVersion: stakeout/v1
kind: Policy
metadata: { name: cpu }
target: { service: shop* }
rules:
  - metric: process_cpu
    threshold: 80%
    period: 1m
    count: 3
start: [ on_cpu ]
duration: 10m
silence: 20m
`,
  );
  const expected = { ...policyDefaults, ...form, rules: [{ ...ruleDefaults, ...form.rules[0] }] };
  assert.deepEqual(parsePolicies(yaml).documents[0]?.policy, expected);
});
