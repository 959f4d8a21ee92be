import { decompressXz } from "../../lib/xz/decompress_xz.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the xz decoder survives mutated files and keeps to its limits", () => {
  fuzz("xz", (bytes) => {
    const output = decompressXz(bytes, { outputBytes: 256 * 1024, ratio: 10_000 });
    if (output !== undefined && output.length > 256 * 1024) throw new Error(`${output.length} bytes`);
  });
});
