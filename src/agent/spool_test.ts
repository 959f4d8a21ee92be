import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { silentLogger } from "../../lib/log.ts";
import { Spool } from "./spool.ts";
import { type RecordClass, recordClasses } from "./spool_record.ts";

const options = { logger: silentLogger };

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "stakeout-spool-" });
  try {
    await run(`${parent}/queue`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

function body(length: number, fill: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(fill);
}

/** Bytes that do not compress, the same for the same seed. */
function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed * 2654435761 + 1;
  return Uint8Array.from({ length }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16);
}

async function segmentPaths(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".log")) paths.push(`${folder}/${name}`);
  }
  return paths.sort();
}

Deno.test("append() keeps records of all classes in order across a restart", async () => {
  await withFolder(async (folder) => {
    const first = await Spool.open(folder, options);
    const sequences: (number | undefined)[] = [];
    for (const [index, name] of recordClasses.entries()) {
      sequences.push(await first.append(name, body(300, index)));
    }
    await first.close();
    const second = await Spool.open(folder, options);
    const found = await second.peekBatch(1e6);
    assert.deepEqual(found.map((record) => record.sequence), sequences);
    assert.deepEqual(found.map((record) => record.class), recordClasses);
    assert.deepEqual(found.map((record) => record.body), recordClasses.map((_, index) => body(300, index)));
    const later = await second.append("task", body(1, 1));
    assert.ok((later ?? 0) > (sequences.at(-1) ?? Infinity));
    await second.close();
  });
});

Deno.test("acknowledge() forgets for good, and peekBatch() gives the rest", async () => {
  await withFolder(async (folder) => {
    const spool = await Spool.open(folder, options);
    const sequences = await Promise.all(
      ["metrics", "task", "metrics", "profile"].map((name, index) =>
        spool.append(name as RecordClass, body(10, index))
      ),
    );
    await spool.acknowledge(sequences[1] ?? 0);
    assert.deepEqual((await spool.peekBatch(1e6)).map((record) => record.sequence), sequences.slice(2));
    assert.equal((await spool.peekBatch(1)).length, 1);
    await spool.close();
    const again = await Spool.open(folder, options);
    assert.deepEqual((await again.peekBatch(1e6)).map((record) => record.sequence), sequences.slice(2));
    await again.close();
  });
});

Deno.test("append() makes room by class when the queue is over its cap", async () => {
  await withFolder(async (folder) => {
    const spool = await Spool.open(folder, { ...options, capBytes: 64 * 1024 });
    for (let index = 0; index < 4; index++) await spool.append("refusal", noise(2000, index));
    for (let index = 0; index < 4; index++) await spool.append("task", noise(2000, index));
    for (let index = 0; index < 40; index++) await spool.append("metrics", noise(2000, index));
    assert.equal(spool.drops.refusals + spool.drops.tasks, 0);
    assert.ok(spool.drops.metrics > 0);
    for (let index = 0; index < 40; index++) await spool.append("profile", noise(2000, index));
    const left = await spool.peekBatch(1e6);
    const count = (name: RecordClass) => left.filter((record) => record.class === name).length;
    assert.deepEqual(spool.drops, {
      metrics: 40,
      refusals: 4,
      profiles: 40 - count("profile"),
      tasks: 0,
    });
    assert.equal(count("task"), 4);
    assert.equal(await spool.append("metrics", noise(40_000, 1)), undefined, "metrics push out no profile");
    assert.ok(spool.bytes <= 64 * 1024);
    const { drops } = spool;
    await spool.close();
    const again = await Spool.open(folder, options);
    assert.deepEqual(again.drops, drops);
    await again.close();
  });
});

Deno.test("open() loses only the damaged record when any one byte of a segment is flipped or cut off", async () => {
  await withFolder(async (folder) => {
    const spool = await Spool.open(folder, options);
    const bodies = [noise(40, 1), body(400, 2), noise(30, 3)];
    for (const each of bodies) await spool.append("task", each);
    await spool.close();
    const [path = ""] = await segmentPaths(folder);
    const whole = await Deno.readFile(path);
    for (let at = 0; at < whole.length; at++) {
      const flipped = whole.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      await Deno.writeFile(path, flipped);
      const opened = await Spool.open(folder, options);
      const found = await opened.peekBatch(1e6);
      assert.equal(found.length, 2, `flip at ${at}`);
      for (const record of found) assert.ok(bodies.some((each) => Buffer.from(each).equals(record.body)));
      assert.equal(opened.damaged, 1);
      await opened.close();
      await Deno.writeFile(path, whole.slice(0, at));
      const cut = await Spool.open(folder, options);
      const kept = await cut.peekBatch(1e6);
      assert.deepEqual(kept.map((record) => record.body), bodies.slice(0, kept.length));
      await cut.close();
      await Deno.writeFile(path, whole);
    }
  });
});

Deno.test("open() never gives a sequence twice when the position file is lost or damaged", async () => {
  await withFolder(async (folder) => {
    const first = await Spool.open(folder, options);
    const last = await first.append("task", body(10, 1)) ?? Infinity;
    await first.acknowledge(last);
    await first.close();
    await Deno.writeFile(`${folder}/position`, body(5000, 0xff));
    const second = await Spool.open(folder, options);
    assert.ok((await second.append("task", body(10, 1)) ?? 0) > last);
    await second.close();
  });
});

Deno.test("open() goes on when one slot of the position file is torn", async () => {
  await withFolder(async (folder) => {
    const first = await Spool.open(folder, options);
    const last = await first.append("metrics", body(10, 1)) ?? Infinity;
    await first.acknowledge(last);
    await first.close();
    const whole = await Deno.readFile(`${folder}/position`);
    for (const at of [20, 4096 + 20]) {
      const torn = whole.slice();
      torn[at] = (torn[at] ?? 0) ^ 1;
      await Deno.writeFile(`${folder}/position`, torn);
      const opened = await Spool.open(folder, options);
      assert.ok((await opened.append("task", body(10, 1)) ?? 0) > last);
      await opened.close();
    }
  });
});

Deno.test("open() refuses a link and keeps the folder private", async () => {
  await withFolder(async (folder) => {
    const spool = await Spool.open(folder, options);
    await spool.append("task", body(10, 1));
    await spool.close();
    assert.equal(((await Deno.stat(folder)).mode ?? 0) & 0o777, 0o700);
    for await (const { name } of Deno.readDir(folder)) {
      assert.equal(((await Deno.stat(`${folder}/${name}`)).mode ?? 0) & 0o777, 0o600, name);
    }
    await Deno.symlink(folder, `${folder}-link`);
    await assert.rejects(Spool.open(`${folder}-link`, options), /not a folder but a link/);
  });
});

Deno.test("open() keeps the queue in memory when there is no folder", async () => {
  const spool = await Spool.open(undefined, { ...options, capBytes: 1000 });
  for (let index = 0; index < 30; index++) await spool.append("metrics", body(100, index));
  await spool.append("task", body(100, 99));
  const found = await spool.peekBatch(1e6);
  assert.equal(found.at(-1)?.class, "task");
  assert.equal(found.length + spool.drops.metrics, 31);
  await spool.acknowledge(found.at(-1)?.sequence ?? 0);
  assert.deepEqual(await spool.peekBatch(1e6), []);
  await spool.close();
});

type Step =
  | { do: "append"; class: RecordClass; length: number }
  | { do: "acknowledge"; share: number }
  | { do: "reopen" };

Deno.test("the queue behaves as a plain list under any order of appends, reads, acknowledgements and restarts", async () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("append" as const),
        class: fc.constantFrom(...recordClasses),
        length: fc.nat(3000),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("acknowledge" as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), fc.boolean(), async (steps, small) => {
      await withFolder(async (folder) => {
        const capBytes = small ? 48 * 1024 : 1024 * 1024;
        let spool = await Spool.open(folder, { ...options, capBytes });
        const model = new Map<number, { class: RecordClass; body: Uint8Array }>();
        let newest = 0;
        let appended = 0;
        let acknowledgedCount = 0;
        for (const [index, each] of steps.entries()) {
          if (each.do === "append") {
            const bytes = noise(each.length, index);
            const sequence = await spool.append(each.class, bytes);
            appended += 1;
            if (sequence === undefined) continue;
            assert.ok(sequence > newest);
            newest = sequence;
            model.set(sequence, { class: each.class, body: bytes });
          } else if (each.do === "acknowledge") {
            const batch = await spool.peekBatch(1 + Math.floor(each.share * 20_000));
            const upTo = batch.at(-1)?.sequence ?? 0;
            await spool.acknowledge(upTo);
            acknowledgedCount += batch.length;
            for (const sequence of [...model.keys()]) if (sequence <= upTo) model.delete(sequence);
          } else {
            await spool.close();
            spool = await Spool.open(folder, { ...options, capBytes });
            assert.equal(spool.damaged, 0);
          }
          assert.ok(spool.bytes <= capBytes);
        }
        const left = await spool.peekBatch(1e9);
        const drops = spool.drops.metrics + spool.drops.refusals + spool.drops.profiles + spool.drops.tasks;
        assert.equal(left.length + drops + acknowledgedCount, appended);
        for (const record of left) {
          assert.equal(model.get(record.sequence)?.class, record.class);
          assert.deepEqual(record.body, model.get(record.sequence)?.body);
        }
        if (!small) assert.equal(drops, 0);
        await spool.close();
      });
    }),
    { numRuns: 30 },
  );
});

Deno.test("Spool.peekBatch() gives no record of one log before older ones of another that found no room", () =>
  withFolder(async (folder) => {
    const spool = await Spool.open(folder, options);
    const full = await spool.append("task", noise(1, 1));
    const second = await spool.append("task", new Uint8Array(0));
    const other = await spool.append("other", new Uint8Array(0));
    const first = await spool.peekBatch(1);
    assert.deepEqual(first.map(({ sequence }) => sequence), [full]);
    await spool.acknowledge(full!);
    assert.deepEqual((await spool.peekBatch(1)).map(({ sequence }) => sequence), [second, other]);
    await spool.close();
  }));
