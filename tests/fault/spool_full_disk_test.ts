import assert from "node:assert/strict";
import { silentLogger } from "../../lib/log.ts";
import { Spool } from "../../src/agent/spool.ts";

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

// Mounting a file system of 1 MiB needs root.
Deno.test("a full disk drops with a count and the queue goes on when there is space", {
  ignore: Deno.uid() !== 0,
}, async () => {
  const mount = await Deno.makeTempDir({ prefix: "stakeout-full-" });
  await run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount);
  try {
    const folder = `${mount}/queue`;
    let spool = await Spool.open(folder, { logger: silentLogger });
    let appended = 0;
    for (; appended < 20; appended++) await spool.append("metrics", noise(20_000));
    assert.equal(spool.drops.metrics, 0);
    await Deno.writeFile(`${mount}/filler`, new Uint8Array(540_000));

    const early = await spool.append("task", noise(30_000));
    assert.ok(early !== undefined, "metrics give way to a task on a full disk");
    for (let index = 0; index < 40; index++, appended++) await spool.append("metrics", noise(20_000));
    assert.ok(spool.drops.metrics > 0);
    for (let index = 0; index < 60; index++) await spool.append("profile", noise(20_000));
    assert.ok(spool.drops.profiles > 0);
    assert.ok(spool.isFull);
    assert.equal(spool.drops.tasks, 0);

    await Deno.remove(`${mount}/filler`);
    const start = performance.now();
    const late = await spool.append("task", noise(30_000));
    assert.ok(late !== undefined && !spool.isFull, "back to normal");
    assert.ok(performance.now() - start < 1000);
    await spool.close();

    spool = await Spool.open(folder, { logger: silentLogger });
    assert.equal(spool.damaged, 0);
    const found = await spool.peekBatch(1e9);
    const count = (name: string) => found.filter((record) => record.class === name).length;
    assert.deepEqual(found.filter((record) => record.class === "task").map((record) => record.sequence), [
      early,
      late,
    ]);
    assert.equal(count("metrics") + spool.drops.metrics, appended);
    assert.equal(count("profile") + spool.drops.profiles, 60);
    await spool.close();
  } finally {
    await run("umount", mount);
    await Deno.remove(mount);
  }
});
