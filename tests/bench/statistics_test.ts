import assert from "node:assert/strict";
import { formatInterval, medianInterval, percentile } from "./statistics.ts";

Deno.test("percentile() interpolates between its neighbours", () => {
  assert.equal(percentile([3, 1, 2], 50), 2);
  assert.equal(percentile([1, 2, 3, 4], 50), 2.5);
  assert.equal(percentile([7], 99), 7);
  assert.throws(() => percentile([], 50), RangeError);
});

Deno.test("medianInterval() narrows with the number of values", () => {
  const values = Array.from({ length: 100 }, (_, index) => index);
  assert.deepEqual(medianInterval(values), { median: 49.5, low: 40, high: 59 });
  assert.deepEqual(medianInterval([2, 1, 3]), { median: 2, low: 1, high: 3 });
});

Deno.test("formatInterval() shows unit and range", () => {
  assert.equal(formatInterval({ median: 1.234, low: 1, high: 2 }, " %"), "1.23 % (1.00 to 2.00)");
});
