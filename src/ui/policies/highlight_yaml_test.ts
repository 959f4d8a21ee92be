/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import fc from "fast-check";
import { hasComments, highlightYaml } from "./highlight_yaml.ts";

Deno.test("highlightYaml() finds keys and comments, not colons and hashes inside values", () => {
  const kinds = (line: string) => highlightYaml(line).map(({ kind, text }) => `${kind}:${text}`);
  assert.deepEqual(kinds('  - metric: "a # b"  # why'), [
    "plain:  - ",
    "key:metric",
    'plain:: "a # b"  ',
    "comment:# why",
  ]);
  assert.deepEqual(kinds("target: { exe: /a:b#c }"), [
    "key:target",
    "plain:: { ",
    "key:exe",
    "plain:: /a:b#c }",
  ]);
});

Deno.test("highlightYaml() gives pieces that are the line again", () => {
  fc.assert(fc.property(fc.string(), (line) => {
    assert.equal(highlightYaml(line).map(({ text }) => text).join(""), line);
  }));
});

Deno.test("hasComments() sees comments and not hashes in text", () => {
  assert.equal(hasComments("a: 1\n# note"), true);
  assert.equal(hasComments('a: "#1"\nb: c#d'), false);
});
