import assert from "node:assert/strict";
import { readQuestion } from "../../lib/dns/question.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the reader of DNS questions survives mutated messages, and its names are harmless", () => {
  fuzz("dns_question", (bytes) => {
    const question = readQuestion(bytes);
    if (question !== undefined) assert.match(question.name, /^[0-9a-z_.?-]{0,253}$/);
  });
});
