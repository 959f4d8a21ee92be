import assert from "node:assert/strict";
import { formatAddress, formatPeer, parseAddress } from "./network_address.ts";

Deno.test("formatAddress writes IPv4, and IPv6 as RFC 5952 does", () => {
  const v6 = (...groups: number[]) => new Uint8Array(groups.flatMap((group) => [group >> 8, group & 255]));
  assert.equal(formatAddress(new Uint8Array([10, 0, 0, 255])), "10.0.0.255");
  assert.equal(formatAddress(v6(0, 0, 0, 0, 0, 0, 0, 1)), "::1");
  assert.equal(formatAddress(v6(0, 0, 0, 0, 0, 0, 0, 0)), "::");
  assert.equal(formatAddress(v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)), "2001:db8::1:0:0:1");
  assert.equal(formatAddress(v6(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1)), "2001:db8:0:1:1:1:1:1");
  assert.equal(formatAddress(v6(0xfe80, 0, 0, 0, 0, 0, 0, 0)), "fe80::");
  assert.equal(formatAddress(new Uint8Array(5)), "");
});

Deno.test("formatPeer names a server with its port, a client without", () => {
  const peer = {
    remoteAddress: new Uint8Array([10, 0, 0, 7]),
    serverPort: 5432,
    unixPath: "",
    merged: false,
  };
  assert.equal(formatPeer({ ...peer, isServer: false }), "10.0.0.7:5432");
  assert.equal(formatPeer({ ...peer, isServer: true }), "10.0.0.7");
  assert.equal(formatPeer({ ...peer, serverPort: 0, isServer: false }), "10.0.0.7");
  const local = new Uint8Array(16);
  local[15] = 1;
  assert.equal(formatPeer({ ...peer, remoteAddress: local, isServer: false }), "[::1]:5432");
  const none = { ...peer, remoteAddress: new Uint8Array(), isServer: false };
  assert.equal(formatPeer({ ...none, unixPath: "/run/a.sock" }), "/run/a.sock");
  assert.equal(formatPeer(none), "(unknown)");
  assert.equal(formatPeer({ ...none, merged: true }), "(all others)");
});

Deno.test("parseAddress reads what formatAddress writes, IPv4 within IPv6 too, and nothing else", () => {
  for (const text of ["10.0.0.255", "::1", "::", "2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1", "fe80::"]) {
    assert.equal(formatAddress(parseAddress(text) ?? new Uint8Array()), text);
  }
  assert.deepEqual(parseAddress("::ffff:10.0.0.7"), Uint8Array.of(10, 0, 0, 7));
  assert.deepEqual(parseAddress("64:ff9b::10.0.0.7")?.slice(10), Uint8Array.of(0, 0, 10, 0, 0, 7));
  const none = ["", "10.0.0", "10.0.0.256", "10.0.0.1.2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3"];
  for (const text of [...none, ":::", "::g", "12345::", "::1%eth0", "a.example", "1:2:3:4:5:6:7::8"]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});
