import fc from "fast-check";
import assert from "node:assert/strict";
import { decodeMinute, encodeMinute } from "./minute_blob.ts";

const slot = fc.record({ state: fc.constantFrom(0, 1, 2), value: fc.float({ noNaN: true }) });

Deno.test("decodeMinute() returns what encodeMinute() packed", () => {
  fc.assert(fc.property(fc.array(slot, { minLength: 60, maxLength: 60 }), (slots) => {
    const states = Uint8Array.from(slots, ({ state }) => state);
    const values = Float32Array.from(slots, ({ state, value }) => state === 0 ? 0 : value);
    const bytes = encodeMinute(values, states);
    assert.ok(bytes.length <= 256);
    const decoded = { values: new Float32Array(60).fill(9), states: new Uint8Array(60).fill(9) };
    decodeMinute(bytes, decoded.values, decoded.states);
    assert.deepEqual(decoded.states, states);
    // -0 and 0 are the same value.
    assert.deepEqual(decoded.values.map((value) => value + 0), values.map((value) => value + 0));
  }));
});

Deno.test("encodeMinute() needs five bytes for a minute of one value", () => {
  assert.equal(encodeMinute(new Float32Array(60).fill(23), new Uint8Array(60).fill(1)).length, 5);
});

Deno.test("decodeMinute() never fails on bytes of any kind", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const states = new Uint8Array(60);
    decodeMinute(bytes, new Float32Array(60), states);
    assert.ok(states.every((state) => state <= 3));
  }));
});
