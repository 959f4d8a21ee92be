import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { Spool } from "../../src/agent/spool.ts";

const kills = 50;
const writer = new URL("spool_writer.ts", import.meta.url).pathname;

async function killWriter(folder: string, afterMs: number): Promise<string[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", writer, folder],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? "";
  setTimeout(() => child.kill("SIGKILL"), afterMs);
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  await child.status;
  return text.split("\n").slice(0, -1);
}

Deno.test(`kill -9 of a writer ${kills} times loses no record and no number comes twice`, async () => {
  const parent = await Deno.makeTempDir({ prefix: "stakeout-kill-" });
  const folder = `${parent}/queue`;
  const promised = new Map<number, number>();
  let newest = 0;
  let slowestOpenMs = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      for (const line of await killWriter(folder, Math.random() * 60)) {
        const [sequence = 0, length = 0] = line.split(" ").map(Number);
        assert.ok(sequence > newest, `${sequence} after ${newest}`);
        newest = sequence;
        promised.set(sequence, length);
      }
      const start = performance.now();
      const spool = await Spool.open(folder, { logger: silentLogger });
      slowestOpenMs = Math.max(slowestOpenMs, performance.now() - start);
      assert.ok(spool.damaged <= 2, `${spool.damaged} damaged`);
      const found = new Map(
        (await spool.peekBatch(1e9)).map(({ sequence, body }) => [sequence, body.length]),
      );
      for (const [sequence, length] of promised) {
        assert.equal(found.get(sequence), length, `record ${sequence}`);
      }
      // A record may be on disk whose number the writer had no time to print.
      newest = Math.max(newest, ...found.keys());
      if (kill % 10 === 9) {
        await spool.acknowledge(newest);
        promised.clear();
      }
      await spool.close();
    }
    assert.ok(slowestOpenMs < 2000, `opening took ${slowestOpenMs} ms`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
