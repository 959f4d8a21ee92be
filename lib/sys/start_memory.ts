import { libc } from "./syscall.ts";

const MADV_DONTNEED = 4;
const ownNothing = /^Anonymous: +0 kB$[^]*^Swap: +0 kB$/m;

/**
 * Gives back memory that only the start needed: pages of this program's files that were read or ran once, and what the C heap keeps
 * for later. What is needed again comes back from the page cache, a fault a page.
 *
 * Source: /proc/self/smaps. Only mappings of files that cannot be written are dropped, and of those none with a page of its own, in
 * memory or swapped out: the loader has changed that one.
 */
export function releaseStartMemory(): void {
  const regions = Deno.readTextFileSync("/proc/self/smaps").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  for (const region of regions) {
    const [, from, to, inode] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ (\d+)/.exec(region) ?? [];
    if (inode === undefined || inode === "0" || !ownNothing.test(region)) continue;
    const start = BigInt(`0x${from}`);
    libc().madvise(Deno.UnsafePointer.create(start), BigInt(`0x${to}`) - start, MADV_DONTNEED);
  }
  libc().malloc_trim(0n);
}
