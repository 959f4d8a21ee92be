import assert from "node:assert/strict";
import { readAnswer, readRequest, writeAnswer } from "./protocol.ts";

const mapping = {
  ...{ start: 0x1000, end: 0x3000, offset: 0, deviceMajor: 8, deviceMinor: 1, inode: 7 },
  ...{ path: "/bin/true", executable: true, deleted: false },
};
const outline = {
  segments: [{ fileOffset: 0, fileBytes: 4096, address: 0 }],
  ...{ buildId: "ab", buildIdOffset: 64 },
};
const table = { pageCount: 2, rulesAt: 4, words: new Uint32Array(1024).fill(9) };
const answer = { type: "built", outline, firstAddress: 4096, reason: "", table } as const;

Deno.test("readAnswer() gives back what writeAnswer() wrote, with the words that came before it", () => {
  const message = JSON.parse(JSON.stringify(writeAnswer(answer)));
  assert.deepEqual(readAnswer(message, new Uint8Array(table.words.buffer)), answer);
  assert.deepEqual(readAnswer(message, undefined), { ...answer, table: undefined });
});

Deno.test("readAnswer() refuses tables that are not whole or point outside of themselves", () => {
  const message = writeAnswer(answer) as Record<string, unknown>;
  const bytes = new Uint8Array(table.words.buffer);
  for (
    const change of [{ pageCount: 0 }, { pageCount: 4 }, { rulesAt: 1024 }, { outline: {} }, { reason: 1 }]
  ) {
    assert.equal(readAnswer({ ...message, ...change }, bytes), undefined, JSON.stringify(change));
  }
  assert.equal(readAnswer(message, bytes.subarray(1)), undefined);
  assert.equal(readAnswer("built", undefined), undefined);
});

Deno.test("readRequest() reads a request and refuses everything else", () => {
  const request = { type: "build", pid: 1, mapping, known: ["ab"] };
  assert.deepEqual(readRequest(request), request);
  for (const change of [{ type: "?" }, { pid: -1 }, { mapping: {} }, { known: [1] }]) {
    assert.equal(readRequest({ ...request, ...change }), undefined, JSON.stringify(change));
  }
});
