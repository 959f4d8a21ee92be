import { parseMaps } from "../procfs/maps.ts";
import { libc } from "./syscall.ts";

const MADV_DONTNEED = 4;

/**
 * Gives back memory that only the start needed: code of this program's files that ran once, and what the C heap keeps for later.
 * Code that is needed again comes back from the page cache, a fault a page. Only executable mappings are dropped: those alone are
 * never changed in memory.
 */
export function releaseStartMemory(): void {
  for (const { start, end, inode, executable } of parseMaps(Deno.readTextFileSync("/proc/self/maps"))) {
    if (!executable || inode === 0) continue;
    libc().madvise(Deno.UnsafePointer.create(BigInt(start)), BigInt(end - start), MADV_DONTNEED);
  }
  libc().malloc_trim(0n);
}
