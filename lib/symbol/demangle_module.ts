import { readDemangleWasm } from "./demangle_wasm.ts";

/**
 * Most memory of one instance. A short name can stand for gigabytes, by referring to parts of itself that refer to parts
 * of themselves; the time that takes grows with the memory, so this bounds both (to 30 ms where it was measured).
 */
const maxPages = 48;
const memorySectionId = 5;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Exports {
  memory: WebAssembly.Memory;
  demangle_any(address: number, bytes: number): [address: number, bytes: number];
  __wbindgen_malloc(bytes: number, alignment: number): number;
  __wbindgen_free(address: number, bytes: number, alignment: number): void;
  __wbindgen_start(): void;
}

let compiled: WebAssembly.Module | undefined;

/** One instance of the demangler. After it threw it is broken and must be made anew. */
export class DemangleModule {
  readonly #exports: Exports;

  constructor() {
    compiled ??= new WebAssembly.Module(limitMemory(readDemangleWasm(), maxPages));
    const imports = { "./index_bg.js": { __wbindgen_init_externref_table() {} } };
    this.#exports = new WebAssembly.Instance(compiled, imports).exports as unknown as Exports;
    this.#exports.__wbindgen_start();
  }

  /** Calls the demangler. @throws {WebAssembly.RuntimeError} when it runs out of memory or stack. */
  demangle(name: string): string {
    const { memory, demangle_any, __wbindgen_malloc, __wbindgen_free } = this.#exports;
    const bytes = encoder.encode(name);
    const argument = __wbindgen_malloc(bytes.length, 1) >>> 0;
    new Uint8Array(memory.buffer).set(bytes, argument);
    const [address, length] = demangle_any(argument, bytes.length);
    const text = decoder.decode(new Uint8Array(memory.buffer, address >>> 0, length >>> 0));
    __wbindgen_free(address, length, 1);
    return text;
  }
}

/**
 * The same module with a maximum for its memory.
 *
 * Source: WebAssembly's binary format: sections of id, length and content; memory's is count, flags (bit 0: has a
 * maximum), minimum, maximum.
 */
function limitMemory(bytes: Uint8Array, pages: number): Uint8Array<ArrayBuffer> {
  for (let at = 8; at < bytes.length;) {
    const length = readLeb(bytes, at + 1);
    const end = length.end + length.value;
    if (bytes[at] === memorySectionId) {
      const minimum = readLeb(bytes, length.end + 2);
      if (bytes[length.end] !== 1 || minimum.value > pages) break;
      const content = [1, 1, ...bytes.subarray(length.end + 2, minimum.end), pages];
      const header = [memorySectionId, content.length, ...content];
      const limited = new Uint8Array(at + header.length + bytes.length - end);
      limited.set(bytes.subarray(0, at));
      limited.set(header, at);
      limited.set(bytes.subarray(end), at + header.length);
      return limited;
    }
    at = end;
  }
  throw new TypeError(
    "The demangler's WebAssembly has no memory as expected: pin the version that was tested",
  );
}

function readLeb(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, end: at };
  }
}
