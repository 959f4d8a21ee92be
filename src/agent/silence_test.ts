import assert from "node:assert/strict";
import { Silence, silenceStateSchema } from "./silence.ts";

Deno.test("Silence.add() never shortens a silence", () => {
  const silence = new Silence();
  silence.add("a", 100, 60);
  silence.add("a", 110, 10);
  assert.equal(silence.until("a"), 160);
  assert.equal(silence.until("b"), 0);
});

Deno.test("Silence.restore() gives the rest of a silence when the host has restarted", () => {
  const before = new Silence();
  before.add("long", 1000, 600);
  before.add("over", 1000, 10);
  const state = JSON.parse(JSON.stringify(before.exportState(1100, 5_000_000)));
  assert.deepEqual(state, { silences: [{ key: "long", untilUnixMs: 6_600_000 }] });

  const after = new Silence();
  after.restore(state, 20, 6_200_000);
  assert.equal(after.until("long"), 400);
  after.restore(state, 20, 7_000_000);
  assert.equal(after.until("long"), 400);
});

Deno.test("Silence.restore() keeps no silence beyond a day when the wall clock went back", () => {
  const silence = new Silence();
  silence.restore({ silences: [{ key: "a", untilUnixMs: 1e15 }] }, 10, 1e12);
  assert.equal(silence.until("a"), 10 + 86_400);
});

Deno.test("silenceStateSchema refuses what is no state", () => {
  for (const value of [null, 1, {}, { silences: [{ key: 1, untilUnixMs: 1 }] }, { silences: [null] }]) {
    assert.equal(silenceStateSchema.safeParse(value).success, false);
  }
  assert.equal(silenceStateSchema.safeParse({ silences: [{ key: "a", untilUnixMs: 1 }] }).success, true);
});
