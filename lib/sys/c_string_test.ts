import assert from "node:assert/strict";
import { encodeCString } from "./c_string.ts";

Deno.test("encodeCString() ends UTF-8 with a NUL and refuses text that holds one", () => {
  assert.deepEqual([...encodeCString("aé")], [0x61, 0xc3, 0xa9, 0]);
  assert.deepEqual([...encodeCString("")], [0]);
  assert.throws(() => encodeCString("/etc/passwd\0.txt"), TypeError);
});
