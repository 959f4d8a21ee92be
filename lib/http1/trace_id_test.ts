import assert from "node:assert/strict";
import { findTraceId } from "./trace_id.ts";

const w3c = "0af7651916cd43dd8448eb211c80319c";

Deno.test("findTraceId reads traceparent, sw8 and both ways of b3", () => {
  assert.deepEqual(find(`traceparent: 00-${w3c}-b7ad6b7169203331-01`), { header: "traceparent", id: w3c });
  const id = "2f1a.75.16853465476730001";
  assert.deepEqual(find(`sw8: 1-${btoa(id)}-${btoa("segment")}-3-${btoa("shop")}-x-y-z`), {
    header: "sw8",
    id,
  });
  assert.deepEqual(find(`b3: ${w3c}-e457b5a2e4d86bd1-1`), { header: "b3", id: w3c });
  assert.deepEqual(find("X-B3-TraceId: 463ac35c9f6413ad"), { header: "b3", id: "463ac35c9f6413ad" });
  assert.deepEqual(find(`TraceParent:00-${w3c}-b7ad6b7169203331-00\r\nb3: ${w3c}`)?.header, "traceparent");
});

Deno.test("findTraceId returns nothing else than a well-formed id", () => {
  for (
    const header of [
      "traceparent: 00-secret-b7ad6b7169203331-01",
      `traceparent: 00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      `traceparent: 00-${w3c}`,
      `sw8: 1-${btoa("pass word")}-x`,
      "sw8: 1-!!!-x",
      `sw8: 1-${"A".repeat(300)}-x`,
      "b3: 0",
      "b3: 1234",
      "cookie: traceparent: 00-" + w3c,
      "no header at all",
    ]
  ) assert.equal(find(header), undefined, header);
});

Deno.test("findTraceId does not look into the body, nor at a header that is cut", () => {
  assert.equal(find(`Host: a\r\n\r\nb3: ${w3c}-e457b5a2e4d86bd1`), undefined);
  const cut = `GET / HTTP/1.1\r\nHost: a\r\nb3: ${w3c}`;
  assert.equal(findTraceId(new TextEncoder().encode(cut)), undefined);
  assert.equal(findTraceId(new Uint8Array()), undefined);
});

function find(headers: string) {
  return findTraceId(new TextEncoder().encode(`GET /a HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`));
}
