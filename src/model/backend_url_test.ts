import assert from "node:assert/strict";
import { isOapUrl, normalizeBackendUrl, oapAddress } from "./backend_url.ts";

Deno.test("normalizeBackendUrl() keeps http as it is and gives an OAP its port", () => {
  const cases: [string, string | undefined][] = [
    ["http://127.0.0.1:7471/", "http://127.0.0.1:7471"],
    ["https://stakeout.example", "https://stakeout.example"],
    ["skywalking://oap", "skywalking://oap:11800"],
    ["SkyWalkings://oap:443/", "skywalkings://oap:443"],
    ["skywalking://[::1]:80", "skywalking://[::1]:80"],
    ["skywalking://oap:0", undefined],
    ["skywalking://oap:70000", undefined],
    ["skywalking://user@oap:11800", undefined],
    ["skywalking://oap:11800/path", undefined],
    ["skywalking:oap", undefined],
    ["oap:11800", undefined],
    ["grpc://oap:11800", undefined],
    ["http://user@host", undefined],
  ];
  for (const [text, kept] of cases) assert.equal(normalizeBackendUrl(text), kept, text);
});

Deno.test("oapAddress() reads what normalizeBackendUrl() keeps", () => {
  assert.deepEqual(oapAddress("skywalking://[::1]:80"), { hostname: "::1", port: 80, tls: false });
  assert.deepEqual(oapAddress("skywalkings://oap:443"), { hostname: "oap", port: 443, tls: true });
  assert.throws(() => oapAddress("http://oap:443"), TypeError);
  assert.equal(isOapUrl("https://oap"), false);
  assert.equal(isOapUrl("skywalkings://oap:1"), true);
});
