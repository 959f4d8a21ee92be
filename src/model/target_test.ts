import assert from "node:assert/strict";
import type { Process } from "./process.ts";
import { compileTarget, matchGlob } from "./target.ts";

const process: Process = {
  id: "1",
  pid: 7,
  parentPid: 1,
  startBootNs: 1,
  name: "node",
  exe: "/usr/bin/node",
  service: "checkout",
  instance: "checkout-1",
  cgroup: "/system.slice/checkout.service",
  uid: 0,
  containerId: "",
  labels: { app: "shop" },
};

Deno.test("matchGlob() matches the whole text, with * across slashes and ? for one character", () => {
  for (
    const [glob, text, matches] of [
      ["checkout*", "checkout", true],
      ["checkout*", "my-checkout", false],
      ["*/node", "/usr/bin/node", true],
      ["/usr/*/n?de", "/usr/bin/node", true],
      ["/usr/*/n?de", "/usr/bin/nde", false],
      ["*", "", true],
      ["", "", true],
      ["?", "", false],
      ["a*b*c", "a-b-b-c", true],
      ["a*b*c", "a-b-b-", false],
      ["[a]", "[a]", true],
    ] as const
  ) assert.equal(matchGlob(glob, text), matches, `${glob} ${text}`);
});

Deno.test("matchGlob() takes no exponential time when names are hostile", () => {
  const startedAtMs = performance.now();
  assert.equal(matchGlob("*a".repeat(50) + "b", "a".repeat(4096)), false);
  assert.ok(performance.now() - startedAtMs < 500);
});

Deno.test("compileTarget() asks for all given globs", () => {
  const matches = (target: Parameters<typeof compileTarget>[0]) => compileTarget(target)(process, "web-1");
  assert.equal(matches({ service: "checkout*", labels: {} }), true);
  assert.equal(matches({ service: "checkout*", instance: "*-2", labels: {} }), false);
  assert.equal(matches({ exe: "*/node", cgroup: "/system.slice/*", host: "web-?", labels: {} }), true);
  assert.equal(matches({ host: "db-*", labels: {} }), false);
  assert.equal(matches({ labels: { app: "sh*" } }), true);
  assert.equal(matches({ labels: { tier: "*" } }), false);
  assert.equal(matches({ labels: { constructor: "*" } }), false);
  assert.equal(matches({ labels: {} }), false);
});
