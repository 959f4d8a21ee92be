import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtobufWriter } from "./protobuf_writer.ts";

function readVarint(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value << 7n | BigInt(byte & 127), 0n);
}

Deno.test("integer() writes a varint that reads back, for every int64 and uint64", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
    fc.pre(value !== 0n);
    const writer = new ProtobufWriter();
    writer.integer(1, value);
    assert.equal(readVarint(writer.bytes.subarray(1)), BigInt.asUintN(64, value));
  }));
});

Deno.test("integer() writes numbers as it writes bigints", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    const [one, two] = [new ProtobufWriter(), new ProtobufWriter()];
    one.integer(12, value);
    two.integer(12, BigInt(value));
    assert.deepEqual(one.bytes, two.bytes);
  }));
});

Deno.test("integer() leaves 0 out, integers() and text() keep what is empty inside", () => {
  const writer = new ProtobufWriter();
  writer.integer(1, 0);
  writer.integers(2, []);
  writer.integers(3, [0, 300]);
  writer.text(4, "");
  assert.equal(writer.bytes.toHex(), "1a0300ac022200");
});
