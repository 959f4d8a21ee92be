import assert from "node:assert/strict";
import { makeLive } from "../../tests/support/live_process.ts";
import { Inventory } from "./inventory.ts";

const nothing = { appeared: [], changed: [], gone: [] };
Deno.test("takeDelta() starts whole, then tells only what came, changed or went", () => {
  const inventory = new Inventory();
  const [one, two] = [makeLive(1), makeLive(2)];
  inventory.apply({ ...nothing, appeared: [one, two] });
  const first = inventory.takeDelta(10e9, unixMs)!;
  assert.equal(first.full, true);
  assert.equal(first.atUnixMs, 1_700_000_010_000n);
  assert.deepEqual(first.changed.map(({ pid, startedAtUnixMs }) => [pid, startedAtUnixMs]), [
    [1, 1_700_000_001_000n],
    [2, 1_700_000_002_000n],
  ]);
  assert.equal(inventory.takeDelta(12e9, unixMs), undefined);

  two.process = { ...two.process, service: "other" };
  inventory.apply({ ...nothing, changed: [two], gone: [one] });
  const second = inventory.takeDelta(14e9, unixMs)!;
  assert.equal(second.full, false);
  assert.deepEqual(second.changed.map(({ service }) => service), ["other"]);
  assert.deepEqual(second.goneProcessIds, ["boot-1"]);
});

Deno.test("takeDelta() starts with a whole record even where there is no process", () => {
  assert.equal(new Inventory().takeDelta(1e9, unixMs)?.full, true);
});

Deno.test("takeDelta() gives the mean CPU since the last delta when it changed noticeably", () => {
  const inventory = new Inventory();
  const live = makeLive(1);
  inventory.apply({ ...nothing, appeared: [live] });
  inventory.takeDelta(10e9, unixMs);
  const use = (atBootNs: number, runTimeNs: number, threads = 1) => {
    Object.assign(live.row, { runTimeNs, threads });
    return inventory.takeDelta(atBootNs, unixMs)?.uses.map((one) => [one.cpuPercent, one.threads]);
  };
  assert.deepEqual(use(12e9, 1e9), [[50, 1]]);
  assert.equal(use(14e9, 2e9 + 8e6), undefined, "0.4 points are not noticeable");
  assert.equal(use(16e9, 3e9 + 2e6), undefined, "the mean since the last delta is 50.05 %");
  assert.deepEqual(use(18e9, 4e9, 3), [[50, 3]]);
  assert.deepEqual(use(1018e9, 4e9 + 3e9, 3), [[0.3, 3]]);
  assert.deepEqual(use(2018e9, 4e9 + 3e9, 3), [[0, 3]]);
  assert.equal(use(3018e9, 4e9 + 3e9, 3), undefined);
});

Deno.test("takeDelta() counts processes over the limit and lists them when others end", () => {
  const inventory = new Inventory(2);
  const all = [1, 2, 3, 4].map((pid) => makeLive(pid));
  inventory.apply({ ...nothing, appeared: all });
  const first = inventory.takeDelta(10e9, unixMs)!;
  assert.deepEqual([first.changed.length, first.omitted], [2, 2]);
  inventory.apply({ ...nothing, gone: [all[0]!] });
  const second = inventory.takeDelta(12e9, unixMs)!;
  assert.deepEqual([second.changed.map(({ pid }) => pid), second.omitted], [[3], 1]);
  inventory.apply({ ...nothing, gone: [all[3]!] });
  assert.equal(inventory.takeDelta(14e9, unixMs)?.omitted, 0);
});

Deno.test("restart() makes the next delta whole", () => {
  const inventory = new Inventory();
  const [one, two] = [makeLive(1), makeLive(2)];
  inventory.apply({ ...nothing, appeared: [one, two] });
  inventory.takeDelta(10e9, unixMs);
  inventory.apply({ ...nothing, gone: [one] });
  inventory.restart();
  const delta = inventory.takeDelta(12e9, unixMs)!;
  assert.deepEqual([delta.full, delta.changed.map(({ pid }) => pid), delta.goneProcessIds], [true, [2], []]);
});

function unixMs(atBootNs: number): number {
  return 1_700_000_000_000 + atBootNs / 1e6;
}
