import assert from "node:assert/strict";
import { defaultConfig, parseAddress, resolveConfig } from "./config.ts";

const defaults = defaultConfig("/var/lib/stakeout");

Deno.test("resolveConfig() takes each setting from the strongest source that has it", () => {
  const config = resolveConfig(
    defaults,
    { listen: "127.0.0.1:1" },
    { listen: "127.0.0.1:2", logLevel: "debug", tls: { certFile: "/env" } },
    { listen: "127.0.0.1:3", logLevel: "warn", spoolBytes: 5, tls: { certFile: "/file", keyFile: "/key" } },
  );
  assert.equal(config.listen, "127.0.0.1:1");
  assert.equal(config.logLevel, "debug");
  assert.equal(config.spoolBytes, 5);
  assert.deepEqual(config.tls, { certFile: "/env", keyFile: "/key", caFile: "" });
  assert.equal(config.stateFolder, "/var/lib/stakeout");
  assert.deepEqual(config.retention, defaults.retention);
});

Deno.test("resolveConfig() lets a token file of the flags hide a token of the environment", () => {
  const config = resolveConfig(defaults, { backend: { tokenFile: "/t" } }, {
    backend: { token: "x", url: "http://h" },
  });
  assert.deepEqual(config.backend, { url: "http://h", token: "", tokenFile: "/t" });
});

Deno.test("parseAddress() reads hosts, IPv6 in brackets and a bare port", () => {
  assert.deepEqual(parseAddress("127.0.0.1:7471"), { hostname: "127.0.0.1", port: 7471 });
  assert.deepEqual(parseAddress("[::1]:80"), { hostname: "::1", port: 80 });
  assert.deepEqual(parseAddress(":0"), { hostname: "0.0.0.0", port: 0 });
  for (const text of ["", "7471", "host", "host:", "host:70000", "::1:80", "a b:1", "http://a:1", "a:1/x"]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});
