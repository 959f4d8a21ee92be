import { type Elf, toModuleAddress } from "../elf/elf.ts";
import type { Mapping } from "../procfs/maps.ts";

const pageBytes = 4096;

/**
 * False when the code that a process runs is of another build than this file, though it has the mapping's inode: inodes are used
 * again, and file systems in layers have the same number twice. True when it is the same, and when that cannot be told.
 *
 * Source: the build ID's bytes in the process's memory (/proc/PID/mem), where the file has them. Needs CAP_SYS_PTRACE for
 * another user's process.
 */
export function isMappedBuild(pid: number, mapping: Mapping, elf: Elf): boolean {
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
function listBiases(mapping: Mapping, elf: Elf): number[] {
  return elf.segments
    .filter(({ fileOffset }) => fileOffset - fileOffset % pageBytes === mapping.offset)
    .map(({ fileOffset, address }) => mapping.start - (address + mapping.offset - fileOffset));
}
