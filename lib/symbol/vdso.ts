import { MemorySource } from "../bytes/memory_source.ts";
import type { ClosableSource } from "../elf/debug_file.ts";
import { parseMaps } from "../procfs/maps.ts";

/** Name of the mapping in /proc/PID/maps. */
export const vdsoPath = "[vdso]";
const maxBytes = 1024 * 1024;

class VdsoImage extends MemorySource implements ClosableSource {
  close(): void {}
}

/**
 * Opens the code that the kernel maps into every process. It is this process's own: the kernel has one 64-bit image, so
 * there is no need to read another's memory. Undefined when the other's mapping has another size, as a 32-bit process's has.
 *
 * Source: /proc/self/mem at the address that /proc/self/maps gives; it is a whole ELF file with dynamic symbols.
 */
export function openVdso(sizeBytes: number): ClosableSource | undefined {
  try {
    const own = parseMaps(Deno.readTextFileSync("/proc/self/maps")).find(({ path }) => path === vdsoPath);
    if (own === undefined || own.end - own.start !== sizeBytes || sizeBytes > maxBytes) return undefined;
    using memory = Deno.openSync("/proc/self/mem");
    memory.seekSync(own.start, Deno.SeekMode.Start);
    const bytes = new Uint8Array(sizeBytes);
    return memory.readSync(bytes) === sizeBytes ? new VdsoImage(bytes) : undefined;
  } catch {
    return undefined;
  }
}
