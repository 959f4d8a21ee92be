import assert from "node:assert/strict";
import { readQuestion } from "./question.ts";

Deno.test("readQuestion reads name and type", () => {
  assert.deepEqual(readQuestion(encode(["WWW", "Example", "com"], 28)), {
    name: "www.example.com",
    type: 28,
  });
  assert.deepEqual(readQuestion(encode([], 2)), { name: "", type: 2 });
  assert.deepEqual(readQuestion(encode(["_dns", "a b\u00ff"], 33)), { name: "_dns.a?b?", type: 33 });
});

Deno.test("readQuestion refuses what is cut, compressed or too long", () => {
  const whole = encode(["www", "example", "com"], 1);
  for (let bytes = 0; bytes < whole.length - 2; bytes++) {
    assert.equal(readQuestion(whole.subarray(0, bytes)), undefined);
  }
  assert.equal(readQuestion(new Uint8Array([0xc0, 0x0c, 0, 1, 0, 1])), undefined);
  assert.equal(readQuestion(encode(Array(5).fill("x".repeat(60)), 1)), undefined);
  assert.equal(readQuestion(encode(Array(4).fill("x".repeat(62)), 1))?.name.length, 251);
});

function encode(labels: string[], type: number): Uint8Array {
  const parts = labels.flatMap((
    label,
  ) => [label.length, ...[...label].map((letter) => letter.charCodeAt(0))]);
  return new Uint8Array([...parts, 0, type >> 8, type & 255, 0, 1]);
}
