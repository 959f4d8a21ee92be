import assert from "node:assert/strict";
import fc from "fast-check";
import { MemorySource } from "../bytes/memory_source.ts";
import { PerfMap } from "./perf_map.ts";

function readMap(text: string): PerfMap {
  const bytes = new TextEncoder().encode(text);
  const map = new PerfMap(new MemorySource(bytes));
  map.readNew(bytes.length);
  return map;
}

Deno.test("PerfMap.find() gives the newest entry when entries overlap, however often it looks while the map grows", () => {
  const entries = fc.array(fc.record({ start: fc.nat(500), size: fc.integer({ min: 1, max: 100 }) }), {
    maxLength: 80,
  });
  fc.assert(fc.property(entries, (list) => {
    const lines = list.map(({ start, size }, index) =>
      `${start.toString(16)} ${size.toString(16)} f${index}\n`
    );
    const bytes = new TextEncoder().encode(lines.join(""));
    const map = new PerfMap(new MemorySource(bytes));
    for (const share of [0.3, 0.6, 1]) {
      map.readNew(Math.floor(bytes.length * share));
      map.find(250);
    }
    for (let address = 0; address < 620; address++) {
      const newest = list.findLastIndex(({ start, size }) => start <= address && address < start + size);
      assert.equal(map.find(address), newest < 0 ? undefined : `f${newest}`);
    }
  }));
});

Deno.test("PerfMap reads addresses with and without 0x, and names with spaces, and leaves broken lines out", () => {
  const map = readMap(
    "0x7f0000001000 0x10 LazyCompile:*run /srv/a b.js:1\n7F0000002000 20 upper\n\n1 2\nxyz 10 bad\n" +
      "7f0000003000 0 empty\n7f0000004000 10 \n-5 10 minus\nffffffffffffffffff 10 long\n7f0000005000 10 unfinished",
  );
  assert.equal(map.find(0x7f000000100f), "LazyCompile:*run /srv/a b.js:1");
  assert.equal(map.find(0x7f0000002000), "upper");
  assert.equal(map.size, 2);
});

Deno.test("PerfMap.readNew() goes on where it stopped, also within a line", () => {
  const bytes = new TextEncoder().encode("1000 10 first\n2000 10 second\n");
  const map = new PerfMap(new MemorySource(bytes));
  map.readNew(20);
  assert.deepEqual([map.find(0x1001), map.find(0x2001)], ["first", undefined]);
  map.readNew(bytes.length);
  assert.deepEqual([map.find(0x1001), map.find(0x2001)], ["first", "second"]);
});

Deno.test("PerfMap stops at 1,000,000 lines", () => {
  const map = readMap("1 1 a\n".repeat(1_000_100));
  assert.equal(map.size, 1_000_000);
  const start = performance.now();
  map.find(1);
  map.find(2);
  assert.ok(performance.now() - start < 2000);
});

Deno.test("PerfMap takes lines in while it is looked up, without sorting those that it has", () => {
  const bytes = new TextEncoder().encode(
    Array.from(
      { length: 300_000 },
      (_, index) => `${(0x7f0000000000 + (index * 7919) % 300_000 * 64).toString(16)} 40 f${index}\n`,
    )
      .join(""),
  );
  const map = new PerfMap(new MemorySource(bytes));
  map.readNew(bytes.length - 3000);
  map.find(0);
  const start = performance.now();
  for (let left = 2900; left >= 0; left -= 100) {
    map.readNew(bytes.length - left);
    map.find(0x7f0000000000);
  }
  for (let lookup = 0; lookup < 100_000; lookup++) map.find(0x7f0000000000 + lookup * 192);
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
});
