/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { chooseRows } from "./choose_rows.ts";

function rows(weights: Readonly<Record<string, number>>) {
  return Object.entries(weights).map(([key, weight]) => ({ key, weight }));
}

Deno.test("chooseRows() begins with the heaviest", () => {
  assert.deepEqual(chooseRows(rows({ a: 1, b: 5, c: 3, d: 4 }), [], 2), ["b", "d"]);
});

Deno.test("chooseRows() leaves rows where they were when neighbours overtake each other, and adds below", () => {
  assert.deepEqual(chooseRows(rows({ a: 5, b: 4 }), ["b", "a"], 3), ["b", "a"]);
  assert.deepEqual(chooseRows(rows({ a: 5, b: 4, c: 9 }), ["b", "a"], 4), ["b", "a", "c"]);
  assert.deepEqual(chooseRows(rows({ a: 3, b: 2, c: 9, d: 1 }), ["b", "a"], 2), ["b", "a"]);
});

Deno.test("chooseRows() gives a row up when many are heavier, or when it is gone", () => {
  assert.deepEqual(chooseRows(rows({ a: 1, b: 9, c: 8, d: 7, e: 6 }), ["a", "b"], 2), ["b", "c"]);
  assert.deepEqual(chooseRows(rows({ b: 1, c: 2, d: 3, e: 4 }), ["a", "b"], 2), ["b", "e"]);
});

Deno.test("chooseRows() shows one more rather than a row that stands for one", () => {
  assert.equal(chooseRows(rows({ a: 1, b: 2, c: 3 }), [], 2).length, 3);
});
