import assert from "node:assert/strict";
import fc from "fast-check";
import type { Rule } from "../model/policy.ts";
import { evaluateRule } from "./evaluate.ts";
import { Window } from "./window.ts";

/** Slots by second, without a ring: what the window should hold, in ten lines. */
class Oracle {
  slots = new Map<number, { state: "value" | "partial"; value: number }>();
  newest = -1;
  dropped = 0;

  constructor(public length: number) {}

  write(second: number, value: number, partial: boolean): void {
    if (second <= this.newest - this.length) this.dropped++;
    else this.slots.set(second, { state: partial ? "partial" : "value", value });
    this.advance(second);
  }

  advance(second: number): void {
    this.newest = Math.max(this.newest, second);
    for (const old of this.slots.keys()) if (old <= this.newest - this.length) this.slots.delete(old);
  }

  read(last: number, period: number) {
    return Array.from({ length: period }, (_, index) => {
      return this.slots.get(last - period + 1 + index) ?? { state: "empty" as const, value: 0 };
    });
  }
}

/** Small repeatable random numbers; a generator of fast-check's for each step would take minutes for 10⁵ streams. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Lives one random stream: on time, late, missing, duplicate, averaged over a gap, jumps, and longer periods. */
function runStream(seed: number): void {
  const random = randomFrom(seed);
  const length = 1 + random(12);
  const window = new Window(length);
  const oracle = new Oracle(length);
  let second = random(3) === 0 ? 0 : 1_000_000 + random(100);
  for (let step = 0; step < 16; step++) {
    const value = random(12) / 4;
    const partial = random(4) === 0;
    const kind = random(10);
    if (kind < 4) {
      second++;
      window.write(second, value, partial);
      oracle.write(second, value, partial);
    } else if (kind < 6) {
      const late = Math.max(0, second - random(oracle.length + 3));
      window.write(late, value, partial);
      oracle.write(late, value, partial);
    } else if (kind === 6) {
      const gap = 1 + random(oracle.length * 2);
      window.fillMean(second + 1, second + gap, value);
      for (let missed = 1; missed <= gap; missed++) oracle.write(second + missed, value, true);
      second += gap;
    } else if (kind === 7) {
      second += random(oracle.length + 3);
      window.advance(second);
      oracle.advance(second);
    } else if (kind === 8) {
      second += 1 + random(1000);
    } else {
      oracle.length = Math.max(oracle.length, 1 + random(20));
      window.resize(oracle.length);
    }
    const rule = makeRule(1 + random(oracle.length + 3), (1 + random(12)) / 4);
    check(window, oracle, rule, second);
  }
  assert.equal(window.dropped, oracle.dropped);
}

function makeRule(periodSeconds: number, threshold: number): Rule {
  const count = 1 + (periodSeconds >> 1);
  const rest = { errors: "4xx_5xx", role: "server", includePending: false } as const;
  return { metric: "process_cpu", threshold, periodSeconds, count, ...rest };
}

function check(window: Window, oracle: Oracle, rule: Rule, second: number): void {
  const slots = oracle.read(second, rule.periodSeconds);
  const reached = slots.filter(({ state, value }) => state !== "empty" && value >= rule.threshold).length;
  const cause = evaluateRule(rule, 2, "", window, second);
  if (reached < rule.count) {
    assert.equal(cause, undefined);
  } else {
    assert.ok(cause !== undefined);
    assert.equal(cause.reached, reached);
    assert.equal(cause.atBootSeconds, second + 1);
  }
  const held = cause?.slots ?? window.slots(second, rule.periodSeconds);
  assert.equal(held.length, slots.length);
  for (const [index, slot] of slots.entries()) {
    if (held[index]?.state !== slot.state || held[index]?.value !== slot.value) assert.deepEqual(held, slots);
  }
}

Deno.test("Window and evaluateRule() agree with an oracle over 100,000 random streams", () => {
  fc.assert(fc.property(fc.integer(), runStream), { numRuns: 100_000, seed: 20_260_101 });
});

Deno.test("evaluateRule() counts only this rule's own period when the window is longer", () => {
  const window = new Window(60);
  for (const second of [100, 101, 102]) window.write(second, 90, false);
  window.advance(110);
  assert.equal(evaluateRule(makeRule(5, 80), 0, "", window, 110), undefined);
  assert.equal(evaluateRule({ ...makeRule(11, 80), count: 3 }, 0, "", window, 110)?.reached, 3);
});

Deno.test("evaluateRule() trips when the value equals a threshold that 32 bits cannot hold", () => {
  for (const value of [0.7, 0.1, 1.1, 1e-50]) {
    const window = new Window(2);
    window.write(7, value, false);
    const tripped = evaluateRule({ ...makeRule(2, value), count: 1 }, 0, "", window, 7) !== undefined;
    assert.equal(tripped, value > 1e-40);
  }
});

Deno.test("Window.write() leaves the slot as it is when the value is no number", () => {
  const window = new Window(3);
  window.write(1, 5, false);
  for (const value of [NaN, Infinity, -1]) window.write(1, value, false);
  assert.deepEqual(window.slots(1, 1), [{ state: "value", value: 5 }]);
  assert.equal(window.dropped, 3);
});

Deno.test("Window.fillMean() counts one dropped write when all of it has left the window", () => {
  const window = new Window(3);
  window.write(10, 5, false);
  window.fillMean(4, 7, 1);
  assert.equal(window.dropped, 1);
  window.fillMean(4, 8, 1);
  assert.equal(window.dropped, 1);
  assert.deepEqual(window.slots(10, 3).map(({ state }) => state), ["partial", "empty", "value"]);
});

Deno.test("Window.advance() and fillMean() take no longer when the jump is years", () => {
  const window = new Window(3600);
  window.write(1, 5, false);
  const startedAtMs = performance.now();
  window.fillMean(2, 1e12, 7);
  window.advance(1e15);
  assert.ok(performance.now() - startedAtMs < 100);
  assert.equal(window.countAtLeast(1, 1e15, 3600), 0);
});

Deno.test("Window.resize() keeps the newest slots when it becomes shorter", () => {
  const window = new Window(5);
  for (let second = 1; second <= 5; second++) window.write(second, second, second === 4);
  window.resize(2);
  assert.deepEqual(window.slots(5, 3), [
    { state: "empty", value: 0 },
    { state: "partial", value: 4 },
    { state: "value", value: 5 },
  ]);
  assert.equal(window.bytes, 10);
});

Deno.test("new Window() refuses a length that is no whole number of seconds", () => {
  for (const length of [0, -1, 1.5, NaN]) assert.throws(() => new Window(length), RangeError);
});

Deno.test("a counted window keeps what a value was made of with its slot, through resize(), and forgets it with the slot", () => {
  const window = new Window(3, true);
  window.write(10, 50, false, { requests: 4, errors: 2, pending: 1 });
  window.resize(5);
  assert.deepEqual(window.slots(11, 3), [
    { state: "empty", value: 0 },
    { state: "value", value: 50, counts: { requests: 4, errors: 2, pending: 1 } },
    { state: "empty", value: 0 },
  ]);
  window.advance(15);
  assert.ok(window.slots(15, 5).every(({ counts }) => counts === undefined));
  assert.equal(window.bytes, 85);
});
