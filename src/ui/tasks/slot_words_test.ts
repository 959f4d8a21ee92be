/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { CauseSchema, SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import { slotBars } from "./slot_bars.ts";
import { barWords } from "./slot_words.ts";

const slots = [
  { state: SlotState.VALUE, value: 14, requests: 50, errors: 7 },
  { state: SlotState.VALUE, value: 0, requests: 1 },
  {},
  { state: SlotState.PARTIAL, value: 25, requests: 4, errors: 1, pending: 2 },
];
const cause = create(CauseSchema, { metric: "http_error_rate", threshold: 10, slots, atUnixMs: 1_000_000n });

function words(mostBars: number): string[] {
  return slotBars(cause, { width: 100, height: 10, mostBars }).bars
    .map((bar) => barWords(cause, bar).replaceAll(/\d\d:\d\d:\d\d/g, "T"));
}

Deno.test("barWords() says what an HTTP slot was made of", () => {
  assert.deepEqual(words(10), [
    "T: 14 %, 7 errors in 50 requests, counted",
    "T: 0 %, 1 request",
    "T: no value observed, which is not zero",
    "T: 25 %, 1 error in 4 requests, 2 in flight too long, counted, partial: a mean over several seconds",
  ]);
});

Deno.test("barWords() adds up what a bar of several seconds joins", () => {
  assert.equal(words(2)[0], "T to T: at most 14 %, 7 errors in 51 requests, counted");
});

Deno.test("barWords() speaks of no requests where the metric has none", () => {
  const cpu = create(CauseSchema, { metric: "process_cpu", threshold: 80, slots: [{ state: 1, value: 91 }] });
  const [bar] = slotBars(cpu, { width: 10, height: 10, mostBars: 1 }).bars;
  assert.match(barWords(cpu, bar!), /^\d\d:\d\d:\d\d: 91 %, counted$/);
});

Deno.test("barWords() speaks of no requests where the agent did not tell them, as SkyWalking's", () => {
  const told = create(CauseSchema, {
    metric: "http_error_rate",
    threshold: 5,
    slots: [{ state: 1, value: 14 }],
  });
  const [bar] = slotBars(told, { width: 10, height: 10, mostBars: 1 }).bars;
  assert.match(barWords(told, bar!), /^\d\d:\d\d:\d\d: 14 %, counted$/);
});
