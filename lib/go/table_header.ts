import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";
import type { Section } from "../elf/elf.ts";

const magic118 = 0xfffffff0;
const magic120 = 0xfffffff1;

/** Where the parts of a Go line table begin, from its own beginning. */
export interface TableHeader {
  readonly functions: number;
  /** What addresses count from; 0 when the table does not say. */
  readonly textAddress: number;
  readonly namesAt: number;
  readonly unitsAt: number;
  readonly filesAt: number;
  readonly valuesAt: number;
  readonly functionsAt: number;
  /** Least length of an instruction. */
  readonly quantum: number;
  /** Bytes from a function's name field to what comes behind its fixed fields. */
  readonly afterFields: number;
  readonly newTrees: boolean;
}

/**
 * Reads the header; undefined when it is not of a version known here.
 *
 * Source: magic u32, two zeros, quantum u8, pointer size u8, then pointers: functions, files, text start,
 * names, units, files, values, functions.
 */
export function readHeader(source: ByteSource, section: Section): TableHeader | undefined {
  const cursor = new Cursor(source, 64);
  const start = section.fileOffset;
  const magic = cursor.u32(start);
  const quantum = cursor.u8(start + 6);
  if ((magic !== magic118 && magic !== magic120) || cursor.u16(start + 4) !== 0) return undefined;
  if (quantum === 0 || quantum > 4 || cursor.u8(start + 7) !== 8) return undefined;
  const header: TableHeader = {
    functions: cursor.u64(start + 8),
    textAddress: cursor.u64(start + 24),
    namesAt: cursor.u64(start + 32),
    unitsAt: cursor.u64(start + 40),
    filesAt: cursor.u64(start + 48),
    valuesAt: cursor.u64(start + 56),
    functionsAt: cursor.u64(start + 64),
    quantum,
    // cuOffset, (1.20: start line), then funcID, flag, padding and the number of trees, a byte each.
    afterFields: magic === magic120 ? 40 : 36,
    newTrees: magic === magic120,
  };
  const { namesAt, unitsAt, filesAt, valuesAt, functionsAt } = header;
  const inside = [namesAt, unitsAt, filesAt, valuesAt, functionsAt].every((part) =>
    part <= section.sizeBytes
  );
  return cursor.failed || !inside || !Number.isSafeInteger(header.textAddress) ? undefined : header;
}
