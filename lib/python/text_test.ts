import assert from "node:assert/strict";
import { decodePythonText } from "./text.ts";

Deno.test("decodePythonText() decodes what Python stores in 1, 2 and 4 bytes a character", () => {
  assert.equal(decodePythonText(Uint8Array.of(0x67, 0xf6, 0x80), 1), "gö\x80");
  assert.equal(decodePythonText(Uint8Array.of(0x53, 0x30, 0x61, 0), 2), "こa");
  assert.equal(decodePythonText(Uint8Array.of(0, 0xf6, 1, 0, 0x61, 0, 0, 0), 4), "😀a");
  assert.equal(decodePythonText(new Uint8Array(0), 4), "");
});

Deno.test("decodePythonText() replaces what is no character", () => {
  assert.equal(decodePythonText(Uint8Array.of(0, 0xd8, 0x61, 0), 2), "\uFFFDa");
  assert.equal(decodePythonText(Uint8Array.of(0, 0xd8, 0, 0, 0, 0, 0x11, 0, 7), 4), "\uFFFD\uFFFD");
});
