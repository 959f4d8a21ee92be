import { createMemfd } from "../sys/memfd.ts";
import { libc } from "../sys/syscall.ts";
import { libbpfSignatures, type LibbpfSymbols } from "./symbols.ts";

/** libbpf, opened. */
export interface Libbpf {
  readonly symbols: LibbpfSymbols;
}

/**
 * Opens libbpf from the bytes of its shared object, through a file in memory: nothing is left on disk, and neither a
 * read-only nor a noexec /tmp matters. Where the host forbids executable memory files, `fallbackPath` is opened.
 *
 * libbpf's own messages are silenced: what they say is in the errors thrown here.
 *
 * @throws {Error} when the library cannot be opened either way.
 */
export function openLibbpf(bytes: Uint8Array<ArrayBuffer>, fallbackPath?: string): Libbpf {
  const { symbols } = openLibrary(bytes, fallbackPath);
  symbols.libbpf_set_print(null);
  return { symbols };
}

function openLibrary(
  bytes: Uint8Array<ArrayBuffer>,
  fallbackPath: string | undefined,
): Deno.DynamicLibrary<typeof libbpfSignatures> {
  try {
    const fd = createMemfd("libbpf.so", bytes);
    try {
      return Deno.dlopen(`/proc/self/fd/${fd}`, libbpfSignatures);
    } finally {
      libc().close(fd);
    }
  } catch (error) {
    if (fallbackPath === undefined) throw error;
    return Deno.dlopen(fallbackPath, libbpfSignatures);
  }
}
