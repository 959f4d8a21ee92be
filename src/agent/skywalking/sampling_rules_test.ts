import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { CauseSchema } from "../../gen/stakeout/v1/task_pb.ts";
import { readSamplingRules, samplingOfCause } from "./sampling_rules.ts";

function rulesOf(...samplings: unknown[]) {
  return readSamplingRules(JSON.stringify({ NetworkSamplings: samplings }));
}

/** The minimum of the rule for a path: what tells rules apart here. */
function minimumFor(path: string, ...samplings: unknown[]) {
  return rulesOf(...samplings).rules.find(path)?.minimumMs;
}

Deno.test("readSamplingRules() reads what an OAP sends, and takes null and what is missing for no", () => {
  const settings = {
    RequireCompleteRequest: true,
    MaxRequestSize: null,
    RequireCompleteResponse: false,
    More: [],
  };
  const whole = {
    URIRegex: null,
    MinDuration: 5,
    When4xx: true,
    When5xx: true,
    Settings: settings,
    Later: 1,
  };
  const { rules, problems } = rulesOf(whole);
  assert.deepEqual(problems, []);
  assert.deepEqual(rules.find("/any"), {
    ...{ minimumMs: 5, when4xx: true, when5xx: true, completeRequest: true, completeResponse: false },
  });
  const none = {
    minimumMs: 0,
    when4xx: false,
    when5xx: false,
    completeRequest: false,
    completeResponse: false,
  };
  const nulls = { URIRegex: null, MinDuration: null, When4xx: null, When5xx: null, Settings: null };
  assert.deepEqual(rulesOf(nulls).rules.find("/any"), none);
  assert.deepEqual(rulesOf({}).rules.find("/any"), none);
});

Deno.test("find() prefers a rule whose expression is found in the path, the last of several, to one without", () => {
  const other = { MinDuration: 1 };
  assert.equal(minimumFor("/v1/pay", other, { URIRegex: "/pay", MinDuration: 2 }), 2);
  assert.equal(minimumFor("/v1/list", other, { URIRegex: "/pay", MinDuration: 2 }), 1);
  assert.equal(minimumFor("/v1/pay", { URIRegex: "^/pay", MinDuration: 2 }), undefined);
  assert.equal(
    minimumFor("/v1/pay", { URIRegex: "pay", MinDuration: 2 }, { URIRegex: "v[0-9]", MinDuration: 3 }),
    3,
  );
  assert.equal(minimumFor("/v1/pay", other, { MinDuration: 9 }), 1);
});

Deno.test("readSamplingRules() takes nothing for no rules, and says what it cannot read", () => {
  for (const json of ["", "null", "{}", '{"NetworkSamplings":null}', '{"NetworkSamplings":[]}']) {
    const { rules, problems } = readSamplingRules(json);
    assert.deepEqual([rules.find("/"), problems], [undefined, []], json);
  }
  for (
    const json of [
      ...["{", "nul", '"x"', "[]", "7", '{"NetworkSamplings":{}}', '{"NetworkSamplings":[null]}'],
      '{"NetworkSamplings":[{"URIRegex":7}]}',
      '{"NetworkSamplings":[{"MinDuration":"5"}]}',
      '{"NetworkSamplings":[{"MinDuration":-1}]}',
      '{"NetworkSamplings":[{"When4xx":"yes"}]}',
      '{"NetworkSamplings":[{"Settings":[]}]}',
      JSON.stringify({ NetworkSamplings: Array.from({ length: 33 }, () => ({})) }),
    ]
  ) {
    const { rules, problems } = readSamplingRules(json);
    assert.deepEqual([rules.find("/"), problems.length], [undefined, 1], json);
    assert.match(problems[0]!, /^its sampling rules cannot be read: /);
  }
});

Deno.test("readSamplingRules() leaves out a rule whose expression RE2 refuses, and no other", () => {
  const { rules, problems } = rulesOf(
    { URIRegex: "(?=look)" },
    { URIRegex: "(a" },
    { URIRegex: "a".repeat(257) },
    { URIRegex: "^/pay$", MinDuration: 7 },
  );
  assert.equal(rules.find("/pay")?.minimumMs, 7);
  assert.equal(rules.find("/(a"), undefined);
  assert.equal(problems.length, 3);
  assert.match(
    problems.join("\n"),
    /"\(\?=look\)" is left out: [\s\S]*"\(a" is left out: [\s\S]*257 characters/,
  );
  assert.ok(problems.every((problem) => problem.length < 300), problems.join("\n"));
});

Deno.test("samplingOfCause() samples what the cause is about: a path as such, an expression anywhere, or all", () => {
  const find = (cause: object, path: string) => samplingOfCause(create(CauseSchema, cause)).find(path);
  const whole = { minimumMs: 0, when4xx: true, when5xx: true, completeRequest: true, completeResponse: true };
  const path = { metric: "http_error_rate", uri: "/a.b", variant: "path 5xx" };
  assert.deepEqual(find(path, "/a.b"), whole);
  for (const other of ["/axb", "/a.b/c", "/x/a.b", "/a.b…"]) {
    assert.equal(find(path, other), undefined, other);
  }
  assert.deepEqual(find({ ...path, uri: `/${"x".repeat(200)}` }, `/${"x".repeat(119)}…`), whole);
  const regex = { metric: "http_avg_response_time", uri: "a.b$", variant: "regex" };
  assert.deepEqual([find(regex, "/x/axb"), find(regex, "/a.b/c")], [whole, undefined]);
  assert.deepEqual(find({ metric: "process_cpu" }, "/any"), whole);
});
