import assert from "node:assert/strict";
import { layouts } from "../../gen/records.ts";
import { CounterCursor } from "./counter_cursor.ts";
import { HttpRole } from "./http_role.ts";
import { readSample } from "./http_sample.ts";
import { RegexMatches } from "./regex_matches.ts";

const { size, offsets } = layouts.http_sample_event;

function encodeSample(target: string, shift: number, status = 200): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(size));
  const bytes = new TextEncoder().encode(target);
  new Uint8Array(view.buffer, offsets.uri).set(bytes);
  view.setUint8(offsets.uri_bytes, bytes.length);
  view.setUint32(offsets.shift, shift, true);
  view.setUint16(offsets.status, status, true);
  view.setBigUint64(offsets.latency_ns, 5_000_000n, true);
  return view;
}

Deno.test("readSample() takes the path without its query, and marks one that was cut", () => {
  assert.equal(readSample(encodeSample("/a/b?c=d HTTP/1.1\r\n", 3), 0).path, "/a/b");
  assert.equal(readSample(encodeSample("/a HTTP/1.1", 3), 0).weight, 8);
  assert.equal(readSample(encodeSample("/long", 0), 0).path, "/long…");
  assert.equal(readSample(encodeSample("http://user:secret@host/a HTTP/1.1", 0), 0).path, "/a");
  assert.equal(readSample(encodeSample("/\xff\0\n x", 0), 0).path.startsWith("/"), true);
});

Deno.test("HttpRole counts samples by path and expression, scaled up, and says how many were looked at", () => {
  const memory = new ArrayBuffer(2 * layouts.http_counters_value.size);
  const role = new HttpRole("server", new CounterCursor(memory, 1));
  role.keepHistory(10);
  role.regexes.set("^/pay/\\d+$", new RegexMatches("^/pay/\\d+$"));
  for (
    const [target, status] of [["/pay/1 ", 200], ["/pay/2 ", 503], ["/pay/x ", 200], [
      "/pay/1?a ",
      200,
    ]] as const
  ) {
    role.takeSample(readSample(encodeSample(target, 2, status), 0), true);
  }
  role.takeSample(readSample(encodeSample("/pay/1 ", 2), 0), false);
  const { requests, errors5xx, sumNs } = role.regexes.get("^/pay/\\d+$")!.interval;
  assert.deepEqual([requests, errors5xx, sumNs], [12, 4, 60e6]);

  const counters = layouts.http_counters_value;
  new Uint32Array(memory, counters.size + counters.offsets.buckets)[40] = 20;
  new BigUint64Array(memory, counters.size)[0] = 100_000_000n;
  role.read(7, 3);
  assert.equal(role.interval?.requests, 20);
  assert.equal(
    role.describeSample(9, 5),
    "The expression was matched with 4 of 20 requests (20 %) and the counts scaled up; 4 samples were lost",
  );
  assert.deepEqual(role.paths.take().map(({ path, requests }) => [path, requests]), [["/pay/1", 12], [
    "/pay/2",
    4,
  ], [
    "/pay/x",
    4,
  ]]);
  assert.deepEqual(role.takeTotals(), { requests: 20, errors4xx: 0, errors5xx: 0, sampled: 5 });
  role.read(8, 0);
  assert.equal(role.interval, undefined);
});
