import assert from "node:assert/strict";
import fc from "fast-check";
import { findTraceId } from "./trace_id.ts";

const w3c = "0af7651916cd43dd8448eb211c80319c";

const b3Span = "e457b5a2e4d86bd1";

Deno.test("findTraceId reads traceparent, sw8 and both ways of b3, with the span", () => {
  assert.deepEqual(find(`traceparent: 00-${w3c}-b7ad6b7169203331-01`), {
    ...{ header: "traceparent", id: w3c, spanId: "b7ad6b7169203331" },
  });
  const id = "2f1a.75.16853465476730001";
  assert.deepEqual(find(`sw8: 1-${btoa(id)}-${btoa("a-b.4.5")}-3-${btoa("shop")}-x-y-z`), {
    ...{ header: "sw8", id, segmentId: "a-b.4.5", spanId: "3" },
  });
  assert.deepEqual(find(`b3: ${w3c}-${b3Span}-1`), { header: "b3", id: w3c, spanId: b3Span });
  assert.deepEqual(find(`b3: ${w3c}-${b3Span.toUpperCase()}`), { header: "b3", id: w3c, spanId: b3Span });
  assert.deepEqual(find("X-B3-TraceId: 463ac35c9f6413ad"), {
    ...{ header: "b3", id: "463ac35c9f6413ad", spanId: "" },
  });
  const traceparent = `TraceParent:00-${w3c}-b7ad6b7169203331-00`;
  assert.deepEqual(find(`${traceparent}\r\nb3: ${w3c}-${b3Span}`)?.header, "traceparent");
});

Deno.test("findTraceId takes X-B3-SpanId from before and after the trace id, and for no other header", () => {
  const [trace, span] = [`x-b3-traceid: ${w3c}`, `X-B3-SPANID:${b3Span}`];
  const found = { header: "b3", id: w3c, spanId: b3Span };
  assert.deepEqual(find(`${trace}\r\nHost: a\r\n${span}`), found);
  assert.deepEqual(find(`${span}\r\n${trace}`), found);
  assert.deepEqual(find(`${span}\r\nX-B3-SpanId: ${"a".repeat(16)}\r\n${trace}`), found);
  assert.deepEqual(find(`${trace}\r\nb3: ${w3c}-aaaaaaaaaaaaaaaa\r\n${span}`), found);
  assert.deepEqual(find(`${span}\r\ntraceparent: 00-${w3c}-b7ad6b7169203331-01`)?.spanId, "b7ad6b7169203331");
  for (const wrong of ["secret", "0".repeat(16), `${b3Span}0`]) {
    assert.deepEqual(find(`${trace}\r\nX-B3-SpanId: ${wrong}`), { ...found, spanId: "" });
  }
  assert.equal(find(span), undefined);
  const cut = `GET / HTTP/1.1\r\n${trace}\r\nX-B3-SpanId: ${b3Span}`;
  assert.deepEqual(findTraceId(new TextEncoder().encode(cut)), { ...found, spanId: "" });
});

Deno.test("findTraceId returns nothing else than a well-formed id", () => {
  const [id, segment] = [btoa("1.2.3"), btoa("4.5.6")];
  for (
    const header of [
      "traceparent: 00-secret-b7ad6b7169203331-01",
      `traceparent: 00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      `traceparent: 00-${w3c}-${"0".repeat(16)}-01`,
      `traceparent: 00-${w3c}`,
      `sw8: 1-${btoa("pass word")}-${segment}-3-a-b-c-d`,
      `sw8: 1-${id}-${btoa("pass word")}-3-a-b-c-d`,
      `sw8: 1-!!!-${segment}-3-a-b-c-d`,
      `sw8: 1-${"A".repeat(300)}-${segment}-3-a-b-c-d`,
      `sw8: 1-${id}-${"A".repeat(300)}-3-a-b-c-d`,
      ...["-1", "", "03", "1e3", "9999999999", "secret"].map((span) =>
        `sw8: 1-${id}-${segment}-${span}-a-b-c-d`
      ),
      `sw8: 1-${id}-${segment}-3-a-b-c`,
      `sw8: 1-${id}-${segment}-3-a-b-c-d-e`,
      `sw8: 2-${id}-${segment}-3-a-b-c-d`,
      "b3: 0",
      "b3: 1234",
      `b3: ${w3c}`,
      `b3: ${w3c}-secret-1`,
      `b3: ${w3c}-${"0".repeat(16)}`,
      "cookie: traceparent: 00-" + w3c,
      "no header at all",
    ]
  ) assert.equal(find(header), undefined, header);
});

Deno.test("findTraceId() tells bounded, well-formed texts alone, whatever the bytes", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "sw8: ",
      "b3: ",
      "x-b3-traceid: ",
      "x-b3-spanid: ",
      "traceparent: 00-",
      "\r\n",
      "-",
      w3c,
      b3Span,
    ),
    fc.constantFrom(btoa("1.2"), btoa("\n"), "1-", "-3-a-b-c-d", "\0", "é"),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
    const found = findTraceId(new TextEncoder().encode(`GET / HTTP/1.1\r\n${pieces.join("")}\r\n\r\n`));
    if (found === undefined) return;
    assert.match(found.id, /^[0-9A-Za-z.-]{1,192}$/);
    assert.match(found.spanId, found.header === "sw8" ? /^[0-9]{1,9}$/ : /^(?:[0-9a-f]{16})?$/);
    assert.match(found.segmentId ?? "", found.header === "sw8" ? /^[0-9A-Za-z.-]{1,192}$/ : /^$/);
  }));
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
