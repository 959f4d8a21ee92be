import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatAddresses,
  packFrames,
  parseAddresses,
  readAnswer,
  readRequest,
  unpackFrames,
} from "./protocol.ts";

const frame = fc.record({
  kind: fc.constantFrom("user" as const, "kernel" as const, "jit" as const, "interpreted" as const),
  function: fc.string(),
  module: fc.string(),
  address: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  source: fc.record({ file: fc.string({ minLength: 1 }), line: fc.nat() }, { noNullPrototype: true }),
  inlined: fc.constant(true),
  runtime: fc.constant(true),
}, { noNullPrototype: true, requiredKeys: ["kind", "function", "module", "address"] });

Deno.test("unpackFrames() gives back what packFrames() packed, over JSON", () => {
  fc.assert(fc.property(fc.array(fc.array(frame)), (stacks) => {
    const answer = readAnswer(JSON.parse(JSON.stringify(packFrames(stacks, { wanted: [], notes: [] }))));
    assert.ok(answer?.type === "resolved");
    assert.deepEqual(unpackFrames(answer), stacks);
  }));
});

Deno.test("parseAddresses() gives back what formatAddresses() wrote", () => {
  fc.assert(fc.property(fc.bigUint64Array(), (addresses) => {
    assert.deepEqual(parseAddresses(formatAddresses(addresses)), addresses);
  }));
  assert.deepEqual(parseAddresses("zz,10,-1,"), BigUint64Array.of(0n, 16n, 0n, 0n));
});

Deno.test("readRequest() and readAnswer() refuse what is of another shape", () => {
  const bad = [
    null,
    1,
    {},
    { type: "capture", processes: [{ pid: "1" }], skip: [] },
    { type: "capture", processes: [], skip: [1], debugFolder: "" },
    { type: "capture", processes: [], skip: [] },
    { type: "fetched", buildIds: "a" },
    { type: "resolve", stacks: [{ pid: 1, kind: "jit", addresses: "" }] },
    { type: "resolved", strings: [1], stacks: [], addresses: [], wanted: [], notes: [] },
    { type: "resolved", strings: [], stacks: [["x"]], addresses: [], wanted: [], notes: [] },
    { type: "resolved", strings: [], stacks: [], addresses: [] },
    ...[
      { pid: 1, kind: "other", mapWrittenUnixMs: 0 },
      { pid: 1, kind: "map_cut", mapWrittenUnixMs: 1e16 },
      {},
    ].map(
      (note) => ({ type: "resolved", strings: [], stacks: [], addresses: [], wanted: [], notes: [note] }),
    ),
    { type: "module" },
  ];
  for (const message of bad) {
    assert.equal(readRequest(message), undefined);
    assert.equal(readAnswer(message), undefined);
  }
});

Deno.test("unpackFrames() gives empty names when indexes lead nowhere", () => {
  const frames = unpackFrames({
    type: "resolved",
    strings: [],
    stacks: [[9, -1, 7, 3, 5, -1, 4, 1, 2]],
    addresses: [],
    wanted: [],
    notes: [],
  });
  assert.deepEqual(frames, [[{ kind: "user", function: "", module: "", address: 0n }]]);
});
