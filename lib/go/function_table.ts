import type { ByteSource } from "../bytes/byte_source.ts";
import { type Elf, findSection, type Section } from "../elf/elf.ts";
import { findModuleData } from "./module_data.ts";
import { readHeader, type TableHeader } from "./table_header.ts";

const maxFunctions = 1 << 20;
/** An entry of the table is two of these: address from the text's beginning, offset of the record. */
const entryBytes = 4;

/** The functions of a Go program, by address. */
export interface FunctionTable {
  readonly section: Section;
  readonly header: TableHeader;
  /** Whether the file itself says where its code begins; else that is taken to be where .text does. */
  readonly isTextKnown: boolean;
  /** Where each function begins; the last entry is the end of the last one. */
  readonly entries: Float64Array;
  /** File offsets of their records' fields, behind the entry that each record begins with. */
  readonly recordsAt: Float64Array;
  /** File offset that the trees of inlined functions count from; undefined when it is not found. */
  readonly treesAt: number | undefined;
}

/**
 * Reads which functions a Go program has; undefined when the file is not of Go, or of a version not known here.
 *
 * Source: .gopclntab of Go 1.18 and newer. Limits: 1,048,576 functions; what comes behind one out of order is left out.
 */
export function readFunctionTable(source: ByteSource, elf: Elf): FunctionTable | undefined {
  const section = findSection(elf, ".gopclntab") ?? findSection(elf, ".data.rel.ro.gopclntab");
  const header = section && readHeader(source, section);
  if (section === undefined || header === undefined) return undefined;
  const data = findModuleData(source, elf, section.address);
  const known = header.textAddress || data?.textAddress || 0;
  const textAddress = known || findSection(elf, ".text")?.address || 0;
  return {
    section,
    header,
    isTextKnown: known !== 0,
    treesAt: data?.treesAt,
    ...readFunctions(source, section, header, textAddress),
  };
}

function readFunctions(source: ByteSource, section: Section, header: TableHeader, textAddress: number) {
  const { functionsAt } = header;
  const room = Math.floor((section.sizeBytes - functionsAt) / (2 * entryBytes));
  const count = Math.max(0, Math.min(header.functions, maxFunctions, room));
  const tableAt = section.fileOffset + functionsAt;
  const bytes = source.readAt(tableAt, (2 * count + 1) * entryBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Float64Array(count + 1);
  const recordsAt = new Float64Array(count + 1);
  let kept = 0;
  for (let at = 0; at + entryBytes <= bytes.length; at += 2 * entryBytes) {
    const entry = textAddress + view.getUint32(at, true);
    // Sorted it is; what is not would break the search.
    if (kept > 0 && entry < entries[kept - 1]!) break;
    const next = at + entryBytes;
    const record = next + entryBytes <= bytes.length ? view.getUint32(next, true) : 0;
    recordsAt[kept] = tableAt + record + entryBytes;
    entries[kept++] = entry;
  }
  return { entries: entries.subarray(0, kept), recordsAt: recordsAt.subarray(0, kept) };
}
