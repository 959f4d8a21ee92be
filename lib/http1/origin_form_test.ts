import assert from "node:assert/strict";
import { originForm } from "./origin_form.ts";

Deno.test("originForm() keeps the path alone of a whole URL", () => {
  assert.equal(originForm("http://user:secret@host:80/a/b"), "/a/b");
  assert.equal(originForm("HTTPS://user:secret@host"), "");
  assert.equal(originForm("/a?http://host/b"), "/a?http://host/b");
  assert.equal(originForm("*"), "*");
});
