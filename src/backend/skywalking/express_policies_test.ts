import assert from "node:assert/strict";
import { parsePolicies } from "../../model/policy_file.ts";
import { expressPolicies } from "./express_policies.ts";
import { toRoverProcess } from "./rover_process.ts";

function entry(name: string, rest: string) {
  const source = `apiVersion: stakeout/v1\nkind: Policy\nmetadata: { name: ${name} }\n${rest}`;
  const { documents: [document], problems } = parsePolicies(source);
  assert.deepEqual(problems, []);
  return { stored: { name, version: 3, source, updatedAtMs: 0 }, policy: document!.policy };
}

function process(service: string, processName: string, pid = 7) {
  const names = { layer: "MESH", service, instance: `${service}-0`, processName };
  const properties = { command_line: `/opt/${processName} -x` };
  return toRoverProcess("rover-a", names, { pid, properties, labels: [], atMs: 0 });
}

const shop = process("shop", "shopd");
const cpu = "rules: [{ metric: process_cpu, threshold: 80%, period: 10s, count: 5 }]\n";

function refusals(rest: string, processes = [shop]): (readonly [string, string])[] {
  const { refused } = expressPolicies([entry("one", rest)], processes, "node-1");
  return refused.map(({ path, reason }) => [path, reason] as const);
}

Deno.test("expressPolicies() puts every rule that SkyWalking has under its targets, with one uuid a content", () => {
  const rest = `target: { service: "sh*", host: node-* }
rules:
  - { metric: process_cpu, threshold: 250%, period: 10s, count: 5 }
  - { metric: process_thread_count, threshold: 30 }
  - { metric: system_load, threshold: 8 }
  - { metric: http_error_rate, threshold: 5%, errors: 5xx, uri: { paths: [/a, /b] } }
  - { metric: http_avg_response_time, threshold: 1s, uri: { regex: "^/a" } }
start: [off_cpu]
`;
  const { services, refused, matches } = expressPolicies([entry("one", rest)], [shop], "node-1");
  assert.deepEqual(services.get("shop")?.profiling, {
    OFF_CPU: {
      PROCESS_CPU: { Threshold: "250", Period: 10, Count: 5 },
      PROCESS_THREAD_COUNT: { Threshold: "30", Period: 60, Count: 3 },
      SYSTEM_LOAD: { Threshold: "8", Period: 60, Count: 3 },
      HTTP_ERROR_RATE: { Threshold: "5", Period: 60, Count: 3, URIList: ["/a", "/b"] },
      HTTP_AVG_RESPONSE_TIME: { Threshold: "1000", Period: 60, Count: 3, URIRegex: "^/a" },
    },
  });
  assert.deepEqual([refused, matches], [[], [{ policy: "one", processIds: [shop.id] }]]);
  const again = expressPolicies([entry("two", rest)], [shop], "node-2").services.get("shop");
  assert.equal(again?.uuid, services.get("shop")?.uuid);
  const other = expressPolicies([entry("one", rest.replace("250%", "251%"))], [shop], "node-1");
  assert.notEqual(other.services.get("shop")?.uuid, again?.uuid);
});

Deno.test("expressPolicies() puts network profiles under NETWORK, beside the others of their rule", () => {
  const rest = `target: { service: shop }\n${cpu}start: [network, on_cpu]\n`;
  const { services, refused } = expressPolicies([entry("one", rest)], [shop], "node-1");
  const PROCESS_CPU = { Threshold: "80", Period: 10, Count: 5 };
  assert.deepEqual(services.get("shop")?.profiling, { ON_CPU: { PROCESS_CPU }, NETWORK: { PROCESS_CPU } });
  assert.deepEqual(refused, []);
});

Deno.test("expressPolicies() refuses what SkyWalking cannot say, each with its place", () => {
  const rest = `target: { service: shop }
rules:
  - { metric: http_p95_response_time, threshold: 500ms }
  - { metric: process_cpu, threshold: 80.5% }
  - { metric: http_error_rate, threshold: 5% }
  - { metric: http_avg_response_time, threshold: 1s, role: client }
  - { metric: http_avg_response_time, threshold: 1s, include_pending: true }
  - { metric: http_avg_response_time, threshold: 1s, uri: { prefixes: [/a] } }
start: [on_cpu, network]
duration: 5m
silence: 1m
on_cpu: { frequency: 500 }
`;
  const found = refusals(rest);
  assert.deepEqual(found.map(([path]) => path), [
    ...["duration", "silence", "on_cpu.frequency"],
    ...[0, 1, 2, 3, 4, 5].map((index) => `rules[${index}]`),
  ]);
  assert.equal(found[4]?.[1], "SkyWalking's thresholds are whole numbers; this is 80.5");
  assert.equal(expressPolicies([entry("one", rest)], [shop], "node-1").services.size, 0);
});

Deno.test("expressPolicies() takes whole services only, one condition of a kind, and no paused policy", () => {
  const both = [shop, process("shop", "helper", 8)];
  const narrow = `target: { exe: /opt/shopd }\n${cpu}start: [on_cpu]\n`;
  assert.deepEqual(refusals(narrow, both), [
    ["target", "SkyWalking's policies are for whole services; 1 of the 2 processes of shop match"],
  ]);
  assert.deepEqual(refusals(narrow), []);
  const rest = `target: { service: shop }\n${cpu}start: [on_cpu]\n`;
  const later = rest.replace("80%", "90%").replace("[on_cpu]", "[on_cpu, off_cpu]");
  const { services, refused } = expressPolicies([entry("a", rest), entry("b", later)], [shop], "node-1");
  assert.deepEqual(services.get("shop")?.rules.map(({ policy, kind }) => [policy.name, kind]), [
    ["a", "on_cpu"],
    ["b", "off_cpu"],
  ]);
  assert.deepEqual(refused.map(({ policy, path }) => [policy, path]), [["b", "rules[0]"]]);
  const { stored, policy } = entry("p", rest);
  const paused = { stored, policy: { ...policy!, paused: true } };
  assert.equal(expressPolicies([paused], [shop], "node-1").services.size, 0);
});
