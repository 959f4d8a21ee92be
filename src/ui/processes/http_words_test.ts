/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { HttpConnectionsSchema, ProcessHttpSchema } from "../../gen/stakeout/v1/agent_service_pb.ts";
import {
  describeInFlight,
  describeOmissions,
  describeUnread,
  errorPercent,
  errorWords,
  formatRate,
} from "./http_words.ts";

Deno.test("describeUnread() says how many connections can't be read, and each reason once, most first", () => {
  const connections = create(HttpConnectionsSchema, {
    http: 60n,
    http2: 10n,
    tls: 23n,
    ioUring: 1n,
    otherCall: 2n,
    unknown: 4n,
    tlsRead: 7n,
  });
  const unread = describeUnread(connections, "it uses Go's crypto/tls");
  assert.equal(unread?.summary, "40 % of this process's connections (40 of 100) can't be read");
  assert.deepEqual(unread?.reasons.map((reason) => reason.split(" ").slice(0, 4).join(" ")), [
    "23 are encrypted: it",
    "10 speak HTTP/2, of",
    "4 carry something else",
    "2 use 32-bit system",
    "1 go through io_uring,",
  ]);
});

Deno.test("describeUnread() is silent when every connection is read or none is known", () => {
  assert.equal(describeUnread(undefined, ""), undefined);
  assert.equal(describeUnread(create(HttpConnectionsSchema, { http: 23n, tlsRead: 23n }), ""), undefined);
});

Deno.test("describeOmissions() tells what paths leave out and nothing where all was looked at", () => {
  assert.deepEqual(describeOmissions(create(ProcessHttpSchema, { requests: 7n, sampled: 7n })), []);
  const http = { requests: 2900n, sampled: 100n, lostSamples: 3n, pipelined: 5n, unreadable: 2n };
  assert.equal(describeOmissions(create(ProcessHttpSchema, http)).length, 4);
  assert.match(describeOmissions(create(ProcessHttpSchema, http))[0]!, /from 100 of 2,900 requests/);
});

Deno.test("errorPercent() is not 0 where nothing was answered, and errorWords() parts 4xx from 5xx", () => {
  const none = { requests: 0n, errors4xx: 0n, errors5xx: 0n };
  const some = { requests: 40n, errors4xx: 3n, errors5xx: 1n };
  assert.deepEqual([none, some].map(errorPercent), [undefined, 10]);
  assert.deepEqual([none, some].map(errorWords), ["", "3 × 4xx, 1 × 5xx"]);
});

Deno.test("formatRate() never shows something as nothing", () => {
  const rates = [[0n, 10], [1n, 300], [23n, 10], [123_456n, 10]] as const;
  assert.deepEqual(rates.map(([requests, seconds]) => formatRate(requests, seconds)), [
    "0 /s",
    "< 0.01 /s",
    "2.3 /s",
    "12,346 /s",
  ]);
});

Deno.test("describeInFlight() tells the oldest request, that there is none, or that they are not read", () => {
  const words = (fields: { inFlight?: number; inFlightUnread?: boolean; oldestInFlightMs?: number }) =>
    describeInFlight(create(ProcessHttpSchema, fields));
  assert.equal(words({ inFlight: 2, oldestInFlightMs: 1500 }), "oldest for 1.5 s");
  assert.equal(words({}), "nothing waits for an answer");
  assert.match(words({ inFlightUnread: true }), /of 256 processes a host/);
});
