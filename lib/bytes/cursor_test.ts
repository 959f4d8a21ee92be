import assert from "node:assert/strict";
import fc from "fast-check";
import { Cursor } from "./cursor.ts";
import { MemorySource } from "./memory_source.ts";

function cursorOver(bytes: Uint8Array, stepBudget = 1000): Cursor {
  return new Cursor(new MemorySource(bytes), stepBudget);
}

Deno.test("Cursor reads what DataView reads when the place is inside", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 40_000 }), fc.nat(), (bytes, seed) => {
    const at = seed % (bytes.length - 7);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const cursor = cursorOver(bytes);
    assert.equal(cursor.u8(at), view.getUint8(at));
    assert.equal(cursor.u16(at), view.getUint16(at, true));
    assert.equal(cursor.u32(at), view.getUint32(at, true));
    assert.equal(cursor.u64(at), Number(view.getBigUint64(at, true)));
    assert.equal(cursor.failed, false);
  }));
});

Deno.test("Cursor fails and reads 0 when the place is outside", () => {
  for (const at of [-1, 5, 8, 1e300, NaN, 0.5, Infinity]) {
    const cursor = cursorOver(new Uint8Array(8).fill(1));
    assert.equal(cursor.u32(at), 0);
    assert.equal(cursor.failed, true);
  }
});

Deno.test("Cursor fails when the step budget is used up", () => {
  const cursor = cursorOver(new Uint8Array(8), 3);
  for (let step = 0; step < 3; step++) cursor.u8(0);
  assert.equal(cursor.failed, false);
  cursor.u8(0);
  assert.equal(cursor.failed, true);
  assert.equal(cursorOver(new Uint8Array(100_000), 20).bytes(0, 100_000), undefined);
});

Deno.test("text() ends at NUL, at its limit and at the end of the source", () => {
  const bytes = new TextEncoder().encode("name\0" + "x".repeat(600));
  assert.equal(cursorOver(bytes).text(0, 100), "name");
  assert.equal(cursorOver(bytes).text(5, 300), "x".repeat(300));
  assert.equal(cursorOver(bytes).text(5, 3000), "x".repeat(600));
  assert.equal(cursorOver(bytes).text(700, 10), "");
});
