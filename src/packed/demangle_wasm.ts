import { readBuiltFile } from "./built_file.ts";

/** Reads the demangler's WebAssembly. */
export function readDemangleWasm(): Uint8Array<ArrayBuffer> {
  return readBuiltFile("demangle.wasm");
}
