import assert from "node:assert/strict";
import fc from "fast-check";
import { MemorySource } from "../bytes/memory_source.ts";
import { readDebugOffsets } from "./debug_offsets.ts";
import { noCframe } from "./layout.ts";

/** What Python 3.13.0 of x86_64 has at the beginning of its _PyRuntime, after the cookie. */
const numbers = [
  ...[0x030d00f0, 0, 283320, 608, 632],
  ...[194968, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16, 7752, 0, 7768, 7760],
  ...[304, 0, 8, 16, 72, 152, 160, 232, 32],
  ...[80, 8, 0, 56, 72, 70],
  ...[208, 112, 120, 128, 136, 68, 52, 96, 104, 200],
  ...[16, 8, 416, 24, 88, 168, 32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32],
  ...[64, 32, 16, 40],
];

function encode(changed: Readonly<Record<number, number>> = {}): MemorySource {
  const words = BigUint64Array.from(
    numbers.map((value, position) => BigInt(changed[position] ?? value)),
  );
  return new MemorySource(
    new Uint8Array([...new TextEncoder().encode("xdebugpy"), ...new Uint8Array(words.buffer)]),
  );
}

Deno.test("readDebugOffsets() reads the layout of 3.13 as it describes itself", () => {
  assert.deepEqual(readDebugOffsets(encode(), 0), {
    ...{ runtimeInterpreters: 632, interpreterNext: 7264, interpreterThreads: 7344 },
    ...{ threadPrevious: 0, threadNext: 8, threadInterpreter: 16, threadId: 152 },
    ...{ threadFrame: 72, cframeFrame: noCframe },
    ...{ frameCode: 0, framePrevious: 8, frameInstruction: 56, frameEntry: 70 },
    ...{ entryIsShim: 1, frameBytes: 72 },
    ...{ codeFirstLine: 68, codeFile: 112, codeName: 128, codeLines: 136, codeInstructions: 200 },
    ...{ codeBytes: 144, asciiBytes: 40, compactBytes: 56 },
  });
});

Deno.test("readDebugOffsets() reads none when there is no GIL, no cookie, or an offset that cannot be", () => {
  assert.equal(readDebugOffsets(encode({ 1: 1 }), 0), undefined);
  assert.equal(readDebugOffsets(encode(), 8), undefined);
  for (const [position, value] of [[4, 1 << 16], [28, 124], [29, 7], [34, 110], [37, 248], [67, 17]]) {
    assert.equal(readDebugOffsets(encode({ [position!]: value! }), 0), undefined, `${position}`);
  }
});

Deno.test("readDebugOffsets() gives offsets within bounds, or none, whatever the numbers are", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.nat({ max: numbers.length - 1 }).map(String), fc.nat({ max: 300 })),
      (changed) => {
        const layout = readDebugOffsets(encode(changed), 0);
        if (layout === undefined) return;
        assert.ok(
          Object.values(layout).every((value) => value >= 0 && value <= 0xffff),
        );
        assert.ok(layout.frameBytes <= 128 && layout.codeBytes <= 255);
      },
    ),
  );
});
