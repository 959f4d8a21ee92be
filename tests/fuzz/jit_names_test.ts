import { readJitFunction } from "../../lib/symbol/jit_function.ts";
import { markRuntimeFrames } from "../../lib/symbol/runtime_frames.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the readers of JIT names survive mutated ones", () => {
  fuzz("jit_names", (bytes) => {
    const entries = new TextDecoder().decode(bytes.subarray(0, 4096)).split("\n");
    for (const runtime of ["java", "node", undefined] as const) {
      const frames = entries.map((entry) => ({
        ...readJitFunction(entry, runtime),
        ...{ module: runtime === "node" ? "/usr/bin/node" : "[java jit]", address: 1n },
      }));
      if (markRuntimeFrames(frames, runtime).length !== frames.length) throw new Error("A frame is lost");
    }
  });
});
