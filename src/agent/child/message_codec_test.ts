import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeBytes, encodeMessage, MessageDecoder } from "./message_codec.ts";

Deno.test("MessageDecoder gives back every message whatever pieces the bytes come in", () => {
  fc.assert(
    fc.property(
      fc.array(fc.json(), { maxLength: 6 }),
      fc.integer({ min: 1, max: 50 }),
      (texts, pieceBytes) => {
        const messages = texts.map((text) => JSON.parse(text));
        const encoded = messages.map((message) => encodeMessage(message));
        const bytes = new Uint8Array(encoded.flatMap((part) => [...part]));
        const decoder = new MessageDecoder();
        const decoded: unknown[] = [];
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          decoded.push(...decoder.push(bytes.subarray(at, at + pieceBytes)));
        }
        assert.deepEqual(decoded, JSON.parse(JSON.stringify(messages)));
        assert.equal(decoder.broken, false);
      },
    ),
  );
});

Deno.test("MessageDecoder is broken for good when a length is absurd or a message no JSON", () => {
  for (const bytes of [[255, 255, 255, 255], [1, 0, 0, 0, 123]]) {
    const decoder = new MessageDecoder();
    assert.deepEqual(decoder.push(new Uint8Array(bytes)), []);
    assert.equal(decoder.broken, true);
    assert.deepEqual(decoder.push(encodeMessage("good")), []);
  }
});

Deno.test("MessageDecoder gives bytes back as they are, between messages of JSON", () => {
  const bytes = new Uint8Array([0, 255, 123, 10]);
  const encoded = [encodeMessage({ one: 1 }), encodeBytes(bytes), encodeMessage(2)].flatMap((
    part,
  ) => [...part]);
  const decoder = new MessageDecoder();
  const decoded = encoded.flatMap((byte) => decoder.push(new Uint8Array([byte])));
  assert.deepEqual(decoded, [{ one: 1 }, bytes, 2]);
});
