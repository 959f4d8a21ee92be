import assert from "node:assert/strict";
import { findTraceId } from "../../lib/http1/trace_id.ts";
import { fuzz } from "./fuzz.ts";

/** What the kernel keeps of a head. */
const keptBytes = 1_024;
const hexadecimal = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const skyWalking = /^[0-9A-Za-z.-]{1,192}$/;

Deno.test("of a mutated head of a request only a well-formed trace id and span come out", () => {
  fuzz("trace_id", (bytes) => {
    const found = findTraceId(bytes.subarray(0, keptBytes));
    if (found === undefined) return;
    const { header, id, spanId, segmentId } = found;
    if (header === "sw8") {
      assert.match(id, skyWalking);
      assert.match(segmentId ?? "", skyWalking);
      assert.match(spanId, /^[0-9]{1,9}$/);
    } else {
      assert.match(id, hexadecimal);
      assert.match(spanId, /^(?:[0-9a-f]{16})?$/);
      assert.equal(segmentId, undefined);
    }
  });
});
