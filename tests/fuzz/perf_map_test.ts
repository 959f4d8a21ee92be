import { MemorySource } from "../../lib/bytes/memory_source.ts";
import { PerfMap } from "../../lib/symbol/perf_map.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the perf map parser survives mutated files", () => {
  fuzz("perf_map", (bytes) => {
    const map = new PerfMap(new MemorySource(bytes));
    map.readNew(bytes.length >> 1);
    map.readNew(bytes.length);
    for (let address = 0; address < 64; address++) map.find(0x7f0000001000 + address);
  });
});
