import type { ByteSource } from "../bytes/byte_source.ts";
import { type Elf, findSection } from "../elf/elf.ts";

/** Searched for the module data where it has no section of its own. */
const maxSearchedBytes = 16 * 1024 * 1024;
const textField = 176;
const searchedFields = { first: 256, end: 400 };
const dataBytes = 512;

/** What a Go program's module data tells beyond the line table. */
export interface ModuleData {
  /** Address that the table's functions count from. */
  readonly textAddress: number;
  /** File offset that the trees of inlined functions count from; undefined when it is not found. */
  readonly treesAt: number | undefined;
}

/**
 * Finds runtime.firstmoduledata of a program that may have no symbols: it begins with the line table's address.
 *
 * Source: section .go.module (1.26 and newer) or somewhere in .noptrdata. Its fields have moved from version to version;
 * `gofunc`, where the trees are, has always been the one behind `rodata`, the last that holds the address of .rodata.
 * Limits: not found in position-independent programs whose pointers are in relocations alone.
 */
export function findModuleData(source: ByteSource, elf: Elf, tableAddress: number): ModuleData | undefined {
  const section = findSection(elf, ".go.module") ?? findSection(elf, ".noptrdata");
  const rodata = findSection(elf, ".rodata");
  if (section === undefined || rodata === undefined || tableAddress === 0) return undefined;
  const bytes = source.readAt(section.fileOffset, Math.min(section.sizeBytes, maxSearchedBytes));
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + dataBytes <= words.byteLength; at += 8) {
    if (readWord(words, at) !== tableAddress) continue;
    for (let field = at + searchedFields.end; field >= at + searchedFields.first; field -= 8) {
      if (readWord(words, field) !== rodata.address) continue;
      return {
        textAddress: readWord(words, at + textField),
        treesAt: toFileOffset(elf, readWord(words, field + 8)),
      };
    }
  }
  return undefined;
}

function readWord(words: DataView, at: number): number {
  return words.getUint32(at, true) + words.getUint32(at + 4, true) * 2 ** 32;
}

function toFileOffset(elf: Elf, address: number): number | undefined {
  const segment = elf.segments.find((part) =>
    address >= part.address && address < part.address + part.fileBytes
  );
  return segment && segment.fileOffset + address - segment.address;
}
