import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeControl } from "./escape.ts";

Deno.test("escapeControl() leaves ordinary text as it is", () => {
  for (const text of ["", "java -jar a.jar", "Größe 漢字 🙂", "a\\b\"c'"]) {
    assert.equal(escapeControl(text), text);
  }
});

Deno.test("escapeControl() shows terminal escapes, new lines and bidi marks as text", () => {
  assert.equal(escapeControl("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  assert.equal(escapeControl("one\r\ntwo\tthree"), "one\\r\\ntwo\\tthree");
  assert.equal(escapeControl("\u202egpj.exe\u2028"), "\\u{202e}gpj.exe\\u{2028}");
  assert.equal(escapeControl("\x9b2J\x7f\0"), "\\x9b2J\\x7f\\x00");
  assert.equal(escapeControl("lone \ud800"), "lone \\u{d800}");
});

Deno.test("escapeControl() never lets a control character through, whatever the text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const escaped = escapeControl(text);
    // deno-lint-ignore no-control-regex -- control characters are what this looks for
    assert.doesNotMatch(escaped, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    assert.equal(escapeControl(escaped), escaped);
  }));
});
