import { demangle } from "../../lib/symbol/demangle.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the demangler survives mutated names", () => {
  fuzz("demangle", (bytes) => {
    for (const name of new TextDecoder().decode(bytes.subarray(0, 4096)).split("\n")) demangle(name);
  });
});
