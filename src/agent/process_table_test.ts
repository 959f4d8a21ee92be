import assert from "node:assert/strict";
import { encodeRecords, testLayout } from "../../tests/support/process_records.ts";
import { ProcessTable } from "./process_table.ts";

Deno.test("update() tells who started, executed and ended", () => {
  const table = new ProcessTable(testLayout);
  const one = { pid: 10, startBootNs: 5e9, execId: 1, name: "sh" };
  const two = { pid: 11, startBootNs: 6e9, execId: 2 };
  let changes = table.update(10e9, encodeRecords([one, two]));
  assert.deepEqual(changes.started.map(({ pid, name }) => [pid, name]), [[10, "sh"], [11, "test"]]);

  changes = table.update(11e9, encodeRecords([{ ...one, execId: 3, name: "exactly16bytes!!" }, two]));
  assert.deepEqual(changes.started, []);
  assert.deepEqual(changes.executed.map(({ pid, name }) => [pid, name]), [[10, "exactly16bytes!!"]]);

  changes = table.update(12e9, encodeRecords([two]));
  assert.deepEqual(changes.executed, []);
  assert.deepEqual(changes.ended.map(({ pid }) => pid), [10]);
  assert.equal(table.get(10), undefined);
  assert.equal(table.size, 1);
});

Deno.test("update() takes a reused pid for a new process with its own CPU time", () => {
  const table = new ProcessTable(testLayout);
  table.update(10e9, encodeRecords([{ pid: 10, startBootNs: 5e9, runTimeNs: 9e9 }]));
  const changes = table.update(11e9, encodeRecords([{ pid: 10, startBootNs: 10.5e9, runTimeNs: 1e6 }]));
  assert.deepEqual(changes.ended.map(({ startBootNs }) => startBootNs), [5e9]);
  assert.deepEqual(changes.started.map(({ startBootNs }) => startBootNs), [10.5e9]);
  assert.equal(table.get(10)?.usedNs, undefined);
  assert.equal(table.get(10)?.runTimeNs, 1e6);
});

Deno.test("update() counts CPU time of an interval, never below zero and never twice", () => {
  const table = new ProcessTable(testLayout);
  const used = (atBootNs: number, runTimeNs: number) => {
    table.update(atBootNs, encodeRecords([{ pid: 10, startBootNs: 5e9, runTimeNs }]));
    return table.get(10)?.usedNs;
  };
  const uptime = 2 ** 40 * 1000;
  assert.deepEqual([used(10e9, uptime), used(11e9, uptime + 4e8)], [undefined, 4e8]);
  assert.deepEqual([used(12e9, uptime + 3e8), used(13e9, uptime + 5e8)], [0, 1e8]);
});

Deno.test("update() closes the second that was over when the snapshot was taken", () => {
  const table = new ProcessTable(testLayout);
  const closed = [10.004e9, 11.9e9, 12e9, 12.98e9, 13.001e9, 16.2e9].map((atBootNs) => {
    table.update(atBootNs, new Uint8Array());
    return [table.second, table.coveredSeconds];
  });
  // A tick that comes 20 ms early closes the second it was meant to; one right after that closes none.
  assert.deepEqual(closed, [[9, 0], [10, 1], [11, 1], [12, 1], [12, 0], [15, 3]]);
});

Deno.test("update() ignores a cut record and a record that comes twice", () => {
  const table = new ProcessTable(testLayout);
  const bytes = encodeRecords([{ pid: 1, startBootNs: 1 }, { pid: 1, startBootNs: 1 }, {
    pid: 2,
    startBootNs: 1,
  }]);
  const changes = table.update(1e9, bytes.subarray(0, -1));
  assert.deepEqual(changes.started.map(({ pid }) => pid), [1]);
});
