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

Deno.test("PerfMap.find() gives the newest entry when entries overlap", () => {
  const entries = fc.array(fc.record({ start: fc.nat(500), size: fc.integer({ min: 1, max: 100 }) }), {
    maxLength: 80,
  });
  fc.assert(fc.property(entries, (list) => {
    const map = readMap(
      list.map(({ start, size }, index) => `${start.toString(16)} ${size.toString(16)} f${index}\n`).join(""),
    );
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
