import assert from "node:assert/strict";
import { formatProgress, ProgressLine } from "./terminal.ts";

function capture(isTerminal: boolean, columns = 80) {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  return { written, line: new ProgressLine({ isTerminal, columns: () => columns, write }) };
}

const progress = {
  elapsedSeconds: 4.2,
  totalSeconds: 90,
  samples: 200,
  top: [{ name: "hash_block", share: 0.71 }, { name: "\x1b[31mevil", share: 0.12 }],
};

Deno.test("formatProgress() shows time, samples and the heaviest functions as text", () => {
  assert.equal(formatProgress(progress), "4s of 90s, 200 samples: hash_block 71 %, \\x1b[31mevil 12 %");
  assert.equal(formatProgress({ elapsedSeconds: 0, samples: 0, top: [], title: "a" }), "a: 0s, 0 samples");
});

Deno.test("ProgressLine writes over one line on a terminal, cut to its width", () => {
  const { written, line } = capture(true, 31);
  line.update(progress);
  assert.equal([...written[0]!.slice(5)].length, 30);
  assert.match(written[0]!.slice(5), /^4s of 90s.*….*12 %$/);
  line.print("a task\x07 tripped");
  assert.equal(written[1], `\r\x1b[2Ka task\\x07 tripped\n${written[0]!.slice(5)}`);
  line.clear();
  assert.equal(written[2], "\r\x1b[2K");
  line.clear();
  assert.equal(written.length, 3);
});

Deno.test("ProgressLine writes a plain line every ten seconds where there is no terminal", () => {
  const { written, line } = capture(false);
  for (let second = 0; second < 35; second++) line.update({ ...progress, elapsedSeconds: second });
  assert.deepEqual(written.map((text) => text.split(" ")[0]), ["10s", "20s", "30s"]);
  assert.ok(written.every((text) => text.endsWith("\n") && !text.includes("\x1b")));
});
