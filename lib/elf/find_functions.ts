import type { ByteSource } from "../bytes/byte_source.ts";
import type { Elf, Section } from "./elf.ts";

const symbolTableSection = 2;
const dynamicSymbolsSection = 11;
const entryBytes = 24;
const chunkBytes = 1 << 20;
/** Of names and of entries of one table that are looked at. */
const maxTableBytes = 32 << 20;
const objectType = 1;
const functionType = 2;
const maxNameOffsets = 1024;
const latin1 = new TextDecoder("latin1");

/** Where a function lies. */
export interface FunctionPlace {
  /** In the module. */
  readonly address: number;
  /** As the symbol says; 0 when it does not. */
  readonly sizeBytes: number;
}

/**
 * Finds functions by name: exported ones, then those of .symtab. Names that the file does not have are left out.
 *
 * Yields to the event loop after each mebibyte, about 1 ms.
 *
 * Limits: 32 MiB of names and of entries a table; 1,024 places where a name is spelled.
 */
export async function findFunctions(
  source: ByteSource,
  elf: Elf,
  names: readonly string[],
): Promise<Map<string, FunctionPlace>> {
  const found = new Map<string, FunctionPlace>();
  for (const tableType of [dynamicSymbolsSection, symbolTableSection]) {
    await findInTables(source, elf, { names, tableType, type: functionType, found });
  }
  return found;
}

/**
 * Finds exported variables by name: their addresses in the module. Yields and has limits like `findFunctions`.
 */
export async function findObjects(
  source: ByteSource,
  elf: Elf,
  names: readonly string[],
): Promise<Map<string, number>> {
  const found = new Map<string, FunctionPlace>();
  await findInTables(source, elf, { names, tableType: dynamicSymbolsSection, type: objectType, found });
  return new Map([...found].map(([name, { address }]) => [name, address]));
}

async function findInTables(
  source: ByteSource,
  elf: Elf,
  { names, tableType, type, found }: {
    names: readonly string[];
    tableType: number;
    type: number;
    found: Map<string, FunctionPlace>;
  },
): Promise<void> {
  for (const table of elf.sections.filter((section) => section.type === tableType).slice(0, 2)) {
    const missing = names.filter((name) => !found.has(name));
    const strings = elf.sections[table.link];
    if (missing.length === 0 || strings === undefined || table.entryBytes !== entryBytes) continue;
    const offsets = await findNames(source, strings, missing);
    if (offsets.size > 0) await findEntries(source, elf, { table, offsets, type, found });
  }
}

/** Offsets in a string table at which one of the names begins: others may end with it and share its bytes. */
async function findNames(
  source: ByteSource,
  strings: Section,
  names: readonly string[],
): Promise<Map<number, string>> {
  const offsets = new Map<number, string>();
  const overlap = Math.max(...names.map((name) => name.length));
  const sizeBytes = Math.min(strings.sizeBytes, maxTableBytes);
  for (let start = 0; start < sizeBytes; start += chunkBytes) {
    const bytes = source.readAt(
      strings.fileOffset + start,
      Math.min(chunkBytes + overlap, sizeBytes - start),
    );
    if (bytes.length === 0) break;
    const text = latin1.decode(bytes);
    for (const name of names) {
      const spelled = `${name}\0`;
      for (let at = text.indexOf(spelled); at >= 0; at = text.indexOf(spelled, at + 1)) {
        if (offsets.size >= maxNameOffsets) return offsets;
        offsets.set(start + at, name);
      }
    }
    await yieldToLoop();
  }
  return offsets;
}

/** Source: Elf64_Sym: name u32, info u8, other u8, section u16, value u64, size u64. */
async function findEntries(
  source: ByteSource,
  elf: Elf,
  { table, offsets, type, found }: {
    table: Section;
    offsets: ReadonlyMap<number, string>;
    type: number;
    found: Map<string, FunctionPlace>;
  },
): Promise<void> {
  const stepBytes = chunkBytes - chunkBytes % entryBytes;
  const sizeBytes = Math.min(table.sizeBytes, maxTableBytes);
  for (let start = 0; start < sizeBytes; start += stepBytes) {
    const bytes = source.readAt(table.fileOffset + start, Math.min(stepBytes, sizeBytes - start));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + entryBytes <= view.byteLength; at += entryBytes) {
      const name = offsets.get(view.getUint32(at, true));
      if (name === undefined || found.has(name)) continue;
      if ((view.getUint8(at + 4) & 15) !== type) continue;
      const sectionIndex = view.getUint16(at + 6, true);
      // 0 is what another module defines.
      if (sectionIndex === 0) continue;
      if (elf.sections[sectionIndex]?.executable !== (type === functionType)) continue;
      const address = Number(view.getBigUint64(at + 8, true));
      const functionBytes = Number(view.getBigUint64(at + 16, true));
      if (Number.isSafeInteger(address + functionBytes)) {
        found.set(name, { address, sizeBytes: functionBytes });
      }
    }
    if (bytes.length === 0) break;
    await yieldToLoop();
  }
}

function yieldToLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
