/// <reference lib="deno.ns" />
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { CauseSchema, SlotState } from "../../gen/stakeout/v1/task_pb.ts";
import { slotBars } from "./slot_bars.ts";

function causeOf(values: readonly (number | undefined)[], partial: readonly number[] = []) {
  return create(CauseSchema, {
    metric: "process_cpu",
    threshold: 80,
    slots: values.map((value, index) => ({
      state: value === undefined
        ? SlotState.UNSPECIFIED
        : partial.includes(index)
        ? SlotState.PARTIAL
        : SlotState.VALUE,
      value: value ?? 0,
    })),
  });
}

Deno.test("slotBars() marks slots at the threshold as counted and tells empty from zero", () => {
  const { bars, lineY } = slotBars(causeOf([79.9, 80, undefined, 0, 160], [1]), {
    width: 100,
    height: 50,
    mostBars: 10,
  });
  assert.deepEqual(bars.map(({ counted }) => counted), [false, true, false, false, true]);
  assert.deepEqual(bars.map(({ empty }) => empty), [false, false, true, false, false]);
  assert.deepEqual(bars.map(({ partial }) => partial), [false, true, false, false, false]);
  assert.ok(bars[1]!.y <= lineY && bars[0]!.y > lineY);
  assert.ok(bars[4]!.y >= 0);
});

Deno.test("slotBars() joins slots by their highest where there is no room for each", () => {
  const { bars } = slotBars(causeOf([1, 90, 2, undefined, undefined, undefined, 5]), {
    width: 30,
    height: 20,
    mostBars: 3,
  });
  assert.deepEqual(bars.map(({ first, slots }) => [first, slots]), [[0, 3], [3, 3], [6, 1]]);
  assert.deepEqual(bars.map(({ counted, empty }) => [counted, empty]), [[true, false], [false, true], [
    false,
    false,
  ]]);
  assert.equal(bars[0]!.value, 90);
});

Deno.test("slotBars() gives no bars when the window is empty", () => {
  assert.deepEqual(slotBars(causeOf([]), { width: 10, height: 10, mostBars: 5 }).bars, []);
});
