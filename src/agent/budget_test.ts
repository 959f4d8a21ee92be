import assert from "node:assert/strict";
import { Budget, budgetLimits } from "./budget.ts";

Deno.test("Budget.measure() gives % of one core over the interval since the last call", () => {
  let use = { cpuNs: 5e9, rssBytes: 100 };
  const budget = new Budget(() => use, 1e9);
  use = { cpuNs: 5.5e9, rssBytes: 200 };
  assert.deepEqual(budget.measure(11e9), { cpuPercent: 5, rssBytes: 200 });
  assert.equal(budget.exceeded(), undefined);
});

Deno.test("Budget.exceeded() names the number when CPU or memory is over, and recovers", () => {
  let use = { cpuNs: 0, rssBytes: 0 };
  const budget = new Budget(() => use, 0);
  use = { cpuNs: 4e9, rssBytes: 0 };
  budget.measure(10e9);
  assert.match(budget.exceeded() ?? "", /40 % of a core, over its budget of 30 %/);
  use = { cpuNs: 4e9, rssBytes: budgetLimits.rssBytes + 1048576 };
  budget.measure(20e9);
  assert.match(budget.exceeded() ?? "", /385 MiB/);
  use = { cpuNs: 4e9, rssBytes: 0 };
  budget.measure(30e9);
  assert.equal(budget.exceeded(), undefined);
});
