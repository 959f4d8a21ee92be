import assert from "node:assert/strict";
import { knownLayouts } from "../../../lib/python/layout.ts";
import { readFoundPythons } from "./python_answer.ts";

const process = { pid: 7, runtimeAddress: 1 << 20, codeTypeAddress: 1 << 21, layout: knownLayouts["3.12"] };

Deno.test("readFoundPythons() takes what findPythons() finds, with notes of a bounded length", () => {
  const found = { processes: [process], notes: ["n".repeat(1000)] };
  assert.deepEqual(readFoundPythons(JSON.parse(JSON.stringify(found))), {
    ...found,
    notes: ["n".repeat(200)],
  });
});

Deno.test("readFoundPythons() takes nothing that cannot be found", () => {
  const layouts = [{}, { ...process.layout, frameCode: 1 << 16 }, { ...process.layout, more: 1 }, null];
  const processes = [
    ...layouts.map((layout) => ({ ...process, layout })),
    ...[{ ...process, runtimeAddress: 2 ** 48 }, { ...process, pid: -1 }, { ...process, pid: 1.5 }, 7, null],
  ];
  for (const one of processes) assert.equal(readFoundPythons({ processes: [one], notes: [] }), undefined);
  for (const found of [undefined, 1, {}, { processes: [] }, { processes: [], notes: [1] }]) {
    assert.equal(readFoundPythons(found), undefined);
  }
  assert.equal(readFoundPythons({ processes: [], notes: ["1", "2", "3"] }), undefined);
});
