import { crc32 } from "node:zlib";
import type { ByteSource } from "../bytes/byte_source.ts";
import { type Elf, parseElf } from "./elf.ts";
import type { SymbolFile } from "./symbol_table.ts";

const debugRoot = "/usr/lib/debug";
/** A debug file that only a checksum can vouch for is read whole once; larger ones are not used. */
const maxChecksumBytes = 64 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

/** A source that is closed by who got it. */
export interface ClosableSource extends ByteSource {
  close(): void;
}

/** A file with symbols or DWARF of another file. */
export interface DebugFile extends SymbolFile {
  readonly source: ClosableSource;
}

/** Opens a path in one of the places where debug files may be. */
export type DebugFileOpener = (path: string) => ClosableSource | undefined;

/**
 * Finds the separate debug file of a stripped binary: by build ID, else by its debug link. One that does not belong
 * to this very binary (another build ID or checksum) is not used.
 *
 * Source: /usr/lib/debug/.build-id/xx/y.debug, then the debug link's name beside the binary, in its .debug and below
 * /usr/lib/debug. Each is looked for with every opener in turn, such as in the root of a container, then in our own.
 */
export function findDebugFile(
  path: string,
  elf: Elf,
  openers: readonly DebugFileOpener[],
): DebugFile | undefined {
  for (const candidate of listCandidates(path, elf)) {
    for (const open of openers) {
      const debug = openDebugFile(elf, () => open(candidate));
      if (debug !== undefined) return debug;
    }
  }
  return undefined;
}

/** Opens what may be the debug file of a binary; undefined, and closed, when it is not. */
export function openDebugFile(elf: Elf, open: () => ClosableSource | undefined): DebugFile | undefined {
  const source = open();
  if (source === undefined) return undefined;
  const debug = parseElf(source);
  if (debug !== undefined && belongsTo(elf, debug, source)) return { source, elf: debug };
  source.close();
  return undefined;
}

function listCandidates(path: string, elf: Elf): string[] {
  const candidates: string[] = [];
  const { buildId, debugLink } = elf;
  if (buildId.length > 2) {
    candidates.push(`${debugRoot}/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`);
  }
  if (debugLink !== undefined) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const { fileName } = debugLink;
    candidates.push(`${folder}/.debug/${fileName}`, `${debugRoot}${folder}/${fileName}`);
    if (`${folder}/${fileName}` !== path) candidates.push(`${folder}/${fileName}`);
  }
  return candidates;
}

function belongsTo(elf: Elf, debug: Elf, source: ByteSource): boolean {
  if (elf.buildId !== "" || debug.buildId !== "") return elf.buildId === debug.buildId;
  if (elf.debugLink === undefined || source.sizeBytes > maxChecksumBytes) return false;
  let checksum = 0;
  for (let offset = 0; offset < source.sizeBytes; offset += chunkBytes) {
    checksum = crc32(source.readAt(offset, chunkBytes), checksum);
  }
  return checksum === elf.debugLink.crc32;
}
