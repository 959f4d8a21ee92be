import { Kallsyms } from "../../lib/symbol/kallsyms.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the kallsyms parser survives mutated files", () => {
  fuzz("kallsyms", (bytes) => {
    const kallsyms = Kallsyms.parse([bytes.subarray(0, 100), bytes.subarray(100)]);
    for (let offset = 0; offset < 1024; offset += 16) kallsyms?.find(0xffff81000000 + offset);
  });
});
