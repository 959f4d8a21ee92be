import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";

const stepBudget = 500_000;
const maxSegments = 4096;
const maxSections = 16_384;
const maxNameBytes = 256;
const loadSegment = 1;
const frameHeaderSegment = 0x6474e550;
const noteSection = 7;
const noBitsSection = 8;
const executableFlag = 4;
const compressedFlag = 0x800;
const buildIdNote = 3;
const maxNotesBytes = 64 * 1024;

/** A program header: which bytes of the file are mapped at which address of the module. */
export interface Segment {
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly address: number;
}

/** A section header with its name. */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly executable: boolean;
  /** SHF_COMPRESSED: its bytes begin with a compression header. */
  readonly compressed: boolean;
  /** In the module; 0 for what is not mapped. */
  readonly address: number;
  readonly fileOffset: number;
  readonly sizeBytes: number;
  readonly link: number;
  readonly entryBytes: number;
}

/** The outline of an ELF file. */
export interface Elf {
  /** The processor, as e_machine numbers it. */
  readonly machine: number;
  /** Each PT_LOAD. */
  readonly segments: readonly Segment[];
  /** PT_GNU_EH_FRAME: where .eh_frame_hdr is, also where there are no section headers. */
  readonly frameHeader: Segment | undefined;
  readonly sections: readonly Section[];
  /** Lower-case hexadecimal, "" when the file has none. */
  readonly buildId: string;
  /** Where its bytes are in the file; 0 when it has none. */
  readonly buildIdOffset: number;
  /** File name of the separate debug file, as the binary names it, with the CRC-32 of that file. */
  readonly debugLink: { readonly fileName: string; readonly crc32: number } | undefined;
}

/**
 * Reads the outline of a 64-bit little-endian ELF file; undefined when it is not one, partial when it is broken.
 *
 * Source: ELF header, program headers, section headers, .note.gnu.build-id, .gnu_debuglink.
 * Limits: 4,096 segments, 16,384 sections, 500,000 steps; the rest is left out.
 */
export function parseElf(source: ByteSource): Elf | undefined {
  const cursor = new Cursor(source, stepBudget);
  // Magic, ELFCLASS64, ELFDATA2LSB.
  if (cursor.u32(0) !== 0x464c457f || cursor.u16(4) !== 0x0102) return undefined;
  const sections = readSections(cursor);
  return {
    machine: cursor.u16(18),
    segments: readSegments(cursor, loadSegment),
    frameHeader: readSegments(cursor, frameHeaderSegment)[0],
    sections,
    ...readBuildId(source, sections),
    debugLink: readDebugLink(source, sections),
  };
}

/** Address in the module of a byte of its file; undefined when no segment maps it. */
export function toModuleAddress(elf: Pick<Elf, "segments">, fileOffset: number): number | undefined {
  for (const segment of elf.segments) {
    const distance = fileOffset - segment.fileOffset;
    if (distance >= 0 && distance < segment.fileBytes) return segment.address + distance;
  }
  return undefined;
}

/** The section of this name that has bytes in the file. */
export function findSection(elf: Elf, name: string): Section | undefined {
  return elf.sections.find((section) => section.name === name && section.type !== noBitsSection);
}

/** Byte of the file that is mapped at an address of the module; undefined when no segment maps one. */
export function toFileOffset(elf: Elf, address: number): number | undefined {
  for (const segment of elf.segments) {
    const distance = address - segment.address;
    if (distance >= 0 && distance < segment.fileBytes) return segment.fileOffset + distance;
  }
  return undefined;
}

function readSegments(cursor: Cursor, type: number): Segment[] {
  const tableOffset = cursor.u64(32);
  const entryBytes = cursor.u16(54);
  const count = Math.min(cursor.u16(56), maxSegments);
  const segments: Segment[] = [];
  if (entryBytes < 56) return segments;
  for (let index = 0; index < count && !cursor.failed; index++) {
    const at = tableOffset + index * entryBytes;
    if (cursor.u32(at) !== type) continue;
    const segment = {
      fileOffset: cursor.u64(at + 8),
      address: cursor.u64(at + 16),
      fileBytes: cursor.u64(at + 32),
    };
    const last = segment.address + segment.fileBytes;
    if (!cursor.failed && Number.isSafeInteger(last) && Number.isSafeInteger(segment.fileOffset)) {
      segments.push(segment);
    }
  }
  return segments;
}

function readSections(cursor: Cursor): Section[] {
  const tableOffset = cursor.u64(40);
  const entryBytes = cursor.u16(58);
  if (tableOffset === 0 || entryBytes < 64) return [];
  // Counts that do not fit the header are in the first section.
  const count = cursor.u16(60) || cursor.u64(tableOffset + 32);
  const namesIndex = cursor.u16(62) === 0xffff ? cursor.u32(tableOffset + 40) : cursor.u16(62);
  const headers: (Omit<Section, "name"> & { nameOffset: number })[] = [];
  for (let index = 0; index < Math.min(count, maxSections); index++) {
    const at = tableOffset + index * entryBytes;
    const header = {
      nameOffset: cursor.u32(at),
      type: cursor.u32(at + 4),
      executable: (cursor.u32(at + 8) & executableFlag) !== 0,
      compressed: (cursor.u32(at + 8) & compressedFlag) !== 0,
      address: cursor.u64(at + 16),
      fileOffset: cursor.u64(at + 24),
      sizeBytes: cursor.u64(at + 32),
      link: cursor.u32(at + 40),
      entryBytes: cursor.u64(at + 56),
    };
    if (cursor.failed) break;
    headers.push(header);
  }
  const names = headers[namesIndex];
  return headers.map(({ nameOffset, ...header }) => ({
    name: names === undefined || nameOffset >= names.sizeBytes
      ? ""
      : cursor.text(names.fileOffset + nameOffset, Math.min(maxNameBytes, names.sizeBytes - nameOffset)),
    ...header,
  }));
}

function readBuildId(
  source: ByteSource,
  sections: readonly Section[],
): { buildId: string; buildIdOffset: number } {
  const cursor = new Cursor(source, 1000);
  for (const section of sections) {
    if (section.type !== noteSection) continue;
    const end = section.fileOffset + Math.min(section.sizeBytes, maxNotesBytes);
    let at = section.fileOffset;
    while (at + 12 <= end && !cursor.failed) {
      const nameBytes = cursor.u32(at);
      const valueBytes = cursor.u32(at + 4);
      const valueAt = at + 12 + align4(nameBytes);
      if (cursor.u32(at + 8) === buildIdNote && cursor.text(at + 12, 4) === "GNU") {
        if (valueBytes === 0 || valueBytes > 64 || valueAt + valueBytes > end) break;
        const bytes = cursor.bytes(valueAt, valueBytes);
        if (bytes === undefined) break;
        return { buildId: bytes.toHex(), buildIdOffset: valueAt };
      }
      at = valueAt + align4(valueBytes);
    }
  }
  return { buildId: "", buildIdOffset: 0 };
}

function readDebugLink(source: ByteSource, sections: readonly Section[]): Elf["debugLink"] {
  const section = sections.find(({ name, type }) => name === ".gnu_debuglink" && type !== noBitsSection);
  if (section === undefined) return undefined;
  const cursor = new Cursor(source, 16);
  const fileName = cursor.text(section.fileOffset, Math.min(section.sizeBytes, maxNameBytes));
  // A name is a name: never a path to elsewhere.
  if (fileName === "" || fileName.includes("/") || fileName === "..") return undefined;
  const nameBytes = new TextEncoder().encode(fileName).length;
  const crc32 = cursor.u32(section.fileOffset + align4(nameBytes + 1));
  return cursor.failed ? undefined : { fileName, crc32 };
}

function align4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
