import assert from "node:assert/strict";
import { errnoName, errnoText } from "./errno_name.ts";

Deno.test("errnoName() and errnoText() know an errno by either sign, the kernel's own 524, and one without a name", () => {
  assert.deepEqual([errnoName(1), errnoName(-1), errnoName(-524), errnoName(9999)], [
    "EPERM",
    "EPERM",
    "ENOTSUPP",
    "E9999",
  ]);
  assert.equal(errnoText(-1), "operation not permitted");
  assert.equal(errnoText(524), "operation not supported by the kernel");
  assert.equal(errnoText(9999), "error 9999");
});
