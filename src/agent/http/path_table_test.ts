import assert from "node:assert/strict";
import { PathTable } from "./path_table.ts";

Deno.test("PathTable.take() tells the 64 busiest paths and the rest as one, and begins anew", () => {
  const table = new PathTable();
  for (let path = 0; path < 1000; path++) {
    for (let time = 0; time <= (path < 256 ? path : 0); time++) {
      table.add(`/${path}`, 10, path === 255 ? 503 : 200, 2);
    }
  }
  const paths = table.take();
  assert.equal(paths.length, 65);
  assert.deepEqual(paths[0], {
    path: "/255",
    requests: 512,
    errors4xx: 0,
    errors5xx: 512,
    sumNs: 5120,
    maxNs: 10,
  });
  assert.equal(paths.at(-1)?.path, "");
  const all = paths.reduce((sum, { requests }) => sum + requests, 0);
  assert.equal(all, 2 * (256 * 257 / 2 + 744));
  assert.deepEqual(table.take(), []);
});
