import assert from "node:assert/strict";
import { readCapabilities } from "./capability.ts";

Deno.test("readCapabilities() names the bits that /proc shows as effective", () => {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]}`);
  const held = readCapabilities();
  assert.equal(held.has("CAP_CHOWN"), (mask & 1n) === 1n);
  assert.equal(held.has("CAP_SYS_ADMIN"), (mask >> 21n & 1n) === 1n);
  assert.equal(held.has("CAP_PERFMON"), (mask >> 38n & 1n) === 1n);
  assert.equal(held.has("CAP_BPF"), (mask >> 39n & 1n) === 1n);
  const bits = mask.toString(2).replaceAll("0", "").length;
  assert.equal(held.size, bits);
});
