import { type Elf, toModuleAddress } from "../elf/elf.ts";
import type { Mapping } from "../procfs/maps.ts";

const pageBytes = 4096;

/** What of a file tells where in a process its code lies, and whether it is the one that is mapped there. */
export type ModuleOutline = Pick<Elf, "segments" | "buildId" | "buildIdOffset">;

/**
 * False when the code that a process runs is of another build than this file, though it has the mapping's inode: inodes are used
 * again, and file systems in layers have the same number twice. True when it is the same, and when that cannot be told.
 *
 * Source: the build ID's bytes in the process's memory (/proc/PID/mem), where the file has them. Needs CAP_SYS_PTRACE for
 * another user's process.
 */
export function isMappedBuild(pid: number, mapping: Mapping, elf: ModuleOutline): boolean {
  const noteAddress = toModuleAddress(elf, elf.buildIdOffset);
  if (elf.buildId === "" || noteAddress === undefined) return true;
  const bytes = new Uint8Array(elf.buildId.length / 2);
  let compared = false;
  try {
    using memory = Deno.openSync(`/proc/${pid}/mem`);
    for (const bias of listBiases(mapping, elf)) {
      memory.seekSync(bias + noteAddress, Deno.SeekMode.Start);
      if (memory.readSync(bytes) !== bytes.length) continue;
      if (bytes.toHex() === elf.buildId) return true;
      compared = true;
    }
  } catch {
    // It is gone, or may not be looked at.
    return true;
  }
  return !compared;
}

/**
 * How far the module may be from its own addresses, when the mapping begins with the page in which a segment begins. Other
 * mappings tell nothing: V8 maps a part of its own code once more elsewhere, without the rest of the module around it.
 */
export function listBiases(mapping: Mapping, elf: ModuleOutline): number[] {
  return elf.segments
    .filter(({ fileOffset }) => fileOffset - fileOffset % pageBytes === mapping.offset)
    .map(({ fileOffset, address }) => mapping.start - (address + mapping.offset - fileOffset));
}

/** How far a mapping's code is from the module's own addresses; undefined when no segment of the module is there. */
export function findBias(mapping: Mapping, outline: ModuleOutline): number | undefined {
  for (const { fileOffset, fileBytes, address } of outline.segments) {
    // A segment is mapped in whole pages, so what is before it in its first page is mapped too.
    const distance = mapping.offset - (fileOffset - fileOffset % pageBytes);
    if (distance >= 0 && mapping.offset < fileOffset + fileBytes) {
      return mapping.start - (address + mapping.offset - fileOffset);
    }
  }
  return undefined;
}
