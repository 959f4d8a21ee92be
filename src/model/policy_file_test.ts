import assert from "node:assert/strict";
import fc from "fast-check";
import { formatProblem, parsePolicies, setPaused } from "./policy_file.ts";

const corpus = new URL("../../tests/policies/", import.meta.url);

const good = `# Checkout
apiVersion: stakeout/v1
kind: Policy
metadata: { name: checkout-latency } # by hand
target: { service: "checkout*" }
rules:                                       # any one rule trips it
  - metric: http_avg_response_time
    threshold: 1.5s
    period: 30s
    count: 10
    uri: { prefixes: [/api/pay] }
  - metric: process_cpu
    threshold: 80%
start: [on_cpu, network]
off_cpu: { minimum: 0s }
`;

Deno.test("parsePolicies() reads every field and fills in the defaults", () => {
  const { documents, problems } = parsePolicies(good);
  assert.deepEqual(problems, []);
  assert.deepEqual(documents, [{
    line: 1,
    source: good,
    policy: {
      name: "checkout-latency",
      description: "",
      paused: false,
      target: { service: "checkout*", labels: {} },
      rules: [
        {
          metric: "http_avg_response_time",
          threshold: 1500,
          periodSeconds: 30,
          count: 10,
          uri: { prefixes: ["/api/pay"] },
          errors: "4xx_5xx",
          role: "server",
          includePending: false,
        },
        {
          metric: "process_cpu",
          threshold: 80,
          periodSeconds: 60,
          count: 3,
          errors: "4xx_5xx",
          role: "server",
          includePending: false,
        },
      ],
      start: ["on_cpu", "network"],
      durationSeconds: 600,
      silenceSeconds: 1200,
      onCpu: { frequencyHz: 99 },
      offCpu: { minimumNs: 0 },
      tls: false,
    },
  }]);
});

Deno.test("parsePolicies() gives each document with its own text and line when there are several", () => {
  const second = good.replace("checkout-latency", "second");
  const { documents, problems } = parsePolicies(`# of both\n---\n${good}---\n# none\n---\r\n${second}...\n`);
  assert.deepEqual(problems, []);
  assert.deepEqual(documents.map(({ policy, line }) => [policy.name, line]), [["checkout-latency", 1], [
    "second",
    19,
  ]]);
  assert.equal(documents[0]?.source, `# of both\n\n${good.trimEnd()}`);
  for (const { source, policy } of documents) {
    assert.deepEqual(parsePolicies(source).documents[0]?.policy, policy);
  }
});

Deno.test("parsePolicies() tells every problem of the broken corpus with its place", async (t) => {
  let files = 0;
  for await (const { name } of Deno.readDir(corpus)) {
    files++;
    await t.step(name, async () => {
      const text = await Deno.readTextFile(new URL(name, corpus));
      const expected = text.split("\n").filter((line) => line.startsWith("# expect:")).map((line) =>
        line.slice(2)
      );
      assert.ok(expected.length > 0);
      const { problems } = parsePolicies(text);
      assert.deepEqual(problems.map((problem) => formatProblem("expect", problem)), expected);
    });
  }
  assert.ok(files >= 60);
});

Deno.test("parsePolicies() says so when the text is empty or too long", () => {
  const first = (text: string) => {
    const { documents, problems } = parsePolicies(text);
    assert.deepEqual(documents, []);
    return problems.map((problem) => formatProblem("f", problem));
  };
  assert.deepEqual(first(""), ["f:1:1: The text holds no policy; write one"]);
  assert.deepEqual(first(`${good}#${"x".repeat(65536)}`), [
    `f:1:1: The document has ${(65537 + good.length).toLocaleString("en")} bytes; write at most 65,536`,
  ]);
  assert.deepEqual(first("\n".repeat(4 * 1024 * 1024 + 1)), [
    "f:1:1: The text has 4,194,305 characters; split it into several files",
  ]);
});

Deno.test("parsePolicies() gives at most 100 problems when 64 KiB are hostile", () => {
  const fill = (part: (index: number) => string) => {
    let text = "";
    for (let index = 0; text.length < 65_000; index++) text += part(index);
    return text;
  };
  const texts = [
    fill((index) => `${index.toString(36)}:\n`),
    fill(() => "]"),
    fill(() => "{a: "),
    fill((index) => `a${index}: &a${index} [*a${index - 1}, *a${index - 1}]\n`),
    `a: "${fill(() => "\\q")}"`,
  ];
  for (const text of texts) {
    const { documents, problems } = parsePolicies(text);
    assert.equal(documents.length, 0);
    assert.ok(problems.length >= 1 && problems.length <= 100);
  }
});

Deno.test("parsePolicies() never throws and stays on one line when the text is mangled", () => {
  const parts = fc.constantFrom(
    ...good.split(/\b/),
    "\u0000",
    "\u202e",
    "&a ",
    "*a",
    "!!x ",
    "? ",
    "\ud800",
    "__proto__: 1",
  );
  const mangled = fc.array(fc.tuple(fc.nat(good.length), fc.nat(20), parts), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(mangled, (edits) => {
      let text = good;
      for (const [at, gone, part] of edits) text = text.slice(0, at) + part + text.slice(at + gone);
      const { documents, problems } = parsePolicies(text);
      assert.ok(documents.length + problems.length > 0);
      for (const problem of problems) {
        const line = formatProblem("f", problem);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(line, /[\x00-\x1f\u202e]|Invalid input|, expected|\bundefined|\[object/);
        assert.ok(line.length < 500 && problem.line >= 1 && problem.column >= 1, line);
      }
    }),
    { numRuns: 700, seed: 12 },
  );
});

Deno.test("setPaused() rewrites that field alone", () => {
  const flow = setPaused(good, true);
  assert.equal(flow, good.replace("{ name: checkout-latency }", "{ paused: true, name: checkout-latency }"));
  assert.equal(parsePolicies(flow).documents[0]?.policy.paused, true);
  assert.equal(setPaused(flow, false), flow.replace("paused: true", "paused: false"));
  assert.equal(setPaused(good, false), good);

  const block = good.replace(
    "{ name: checkout-latency } # by hand",
    "\n  # its name\n  name: checkout-latency # by hand",
  );
  assert.equal(setPaused(block, true), block.replace("  name:", "  paused: true\n  name:"));
});

Deno.test("setPaused() changes nothing else when aliases stand in the way", () => {
  const anchored =
    good.replace("{ name: checkout-latency }", "{ name: checkout-latency, paused: &off false }") +
    "tls: *off\n";
  const { documents } = parsePolicies(setPaused(anchored, true));
  assert.deepEqual(documents[0]?.policy, { ...parsePolicies(anchored).documents[0]?.policy, paused: true });
});

Deno.test("setPaused() throws when the text is no valid policy", () => {
  assert.throws(() => setPaused("a: 1", true), SyntaxError);
});
