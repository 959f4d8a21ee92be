import assert from "node:assert/strict";
import { encodeMessage, MessageDecoder } from "../child/message_codec.ts";

const child = new URL("../../../tests/programs/names_child.ts", import.meta.url).pathname;

/** Runs a naming child on this input, to the end of it. */
async function runChild(input: Uint8Array<ArrayBuffer>): Promise<{ code: number; answers: unknown[] }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", child],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(input);
  await writer.close();
  const { code, stdout } = await process.output();
  return { code, answers: new MessageDecoder().push(stdout) };
}

Deno.test("runNamingChild() answers each request and ends when its input does", async () => {
  const requests = [{ type: "refresh" }, {
    type: "resolve",
    stacks: [{ pid: 1, kind: "user", addresses: "17" }],
  }];
  const input = new Uint8Array(requests.flatMap((request) => [...encodeMessage(request)]));
  assert.deepEqual(await runChild(input), {
    code: 0,
    answers: [
      { type: "ready" },
      { type: "done" },
      {
        type: "resolved",
        strings: [""],
        stacks: [[0, 0, 0, 0, 0, 0, 0]],
        addresses: ["17"],
        wanted: [],
        notes: [],
      },
    ],
  });
});

Deno.test("runNamingChild() ends when it is asked nonsense", async () => {
  const nothing = { code: 0, answers: [{ type: "ready" }] };
  assert.deepEqual(await runChild(encodeMessage({ type: "nonsense" })), nothing);
  assert.deepEqual(await runChild(new Uint8Array([255, 255, 255, 255])), nothing);
});
