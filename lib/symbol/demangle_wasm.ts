/**
 * Reads the demangler's WebAssembly. The file is read rather than imported: an import runs as it is, and its memory has
 * no limit. `src/packed/demangle_wasm.ts` does the same in the executable.
 */
export function readDemangleWasm(): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(import.meta.resolve("gecko-profiler-demangle/index_bg.wasm")));
}
