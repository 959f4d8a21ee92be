import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";
import type { Elf, Section } from "../elf/elf.ts";
import type { SourceFinder, SourceFrame } from "../symbol/source_frame.ts";
import { type FunctionTable, readFunctionTable } from "./function_table.ts";
import { readValueAt } from "./pc_values.ts";
import type { TableHeader } from "./table_header.ts";

/** One lookup: two tables of values, each walked to the address, an inlined level at a time. */
const lookupSteps = 400_000;
const maxInlinedLevels = 32;
const maxNameBytes = 1024;
const maxPathBytes = 4096;
const inlineTreeData = 3;
const inlineIndexValues = 2;
const absent = 0xffffffff;
/** _func: entry, then nameoff, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset, all u32. */
const nameField = 0;
const fileField = 16;
const lineField = 20;
const valuesCountField = 24;
const unitField = 28;

/**
 * Functions, lines and inlined functions of a Go program, stripped or not, from the table that its own runtime uses.
 *
 * Source: .gopclntab of Go 1.18 and newer (magic 0xfffffff0, 0xfffffff1; tried with 1.19 and 1.27); inlined functions
 * where the program's module data tells the place of their trees.
 * Limits: 1,048,576 functions, 32 inlined levels, 400,000 steps a lookup.
 */
export class GoLineTable implements SourceFinder {
  readonly #source: ByteSource;
  readonly #header: TableHeader;
  readonly #section: Section;
  readonly #entries: Float64Array;
  readonly #recordsAt: Float64Array;
  readonly #treesAt: number | undefined;

  private constructor(source: ByteSource, functions: FunctionTable) {
    this.#source = source;
    this.#section = functions.section;
    this.#header = functions.header;
    this.#treesAt = functions.treesAt;
    this.#entries = functions.entries;
    this.#recordsAt = functions.recordsAt;
  }

  /** Undefined when the file is not of Go, or of a version not known here. */
  static read(source: ByteSource, elf: Elf): GoLineTable | undefined {
    const functions = readFunctionTable(source, elf);
    return functions && new GoLineTable(source, functions);
  }

  /** Position of the function that covers the address, to key a cache with; -1 when there is none. */
  findPosition(address: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    // The last entry only ends the one before.
    return low >= this.#entries.length ? -1 : low - 1;
  }

  nameOf(position: number): string {
    // Without a cursor's window of 16 KiB: names lie far from their records.
    const bytes = this.#source.readAt(this.#recordsAt[position]! + nameField, 4);
    if (bytes.length < 4) return "";
    const offset = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    return this.#name(new Cursor(this.#source, 16), offset);
  }

  findFrames(address: number): SourceFrame[] | undefined {
    const position = this.findPosition(address);
    if (position < 0) return undefined;
    const cursor = new Cursor(this.#source, lookupSteps);
    const entry = this.#entries[position]!;
    const at = this.#recordsAt[position]!;
    const frames: SourceFrame[] = [];
    let distance = address - entry;
    for (let level = 0; level < maxInlinedLevels; level++) {
      const inlined = this.#inlinedAt(cursor, at, distance);
      if (inlined === undefined) break;
      frames.push({ function: this.#name(cursor, inlined.nameOffset), ...this.#place(cursor, at, distance) });
      distance = inlined.callDistance;
    }
    frames.push({
      function: this.#name(cursor, cursor.u32(at + nameField)),
      ...this.#place(cursor, at, distance),
    });
    return cursor.failed ? undefined : frames;
  }

  #name(cursor: Cursor, offset: number): string {
    return this.#text(cursor, this.#header.namesAt + offset, maxNameBytes);
  }

  #text(cursor: Cursor, at: number, maxBytes: number): string {
    const room = this.#section.sizeBytes - at;
    return room <= 0 ? "" : cursor.text(this.#section.fileOffset + at, Math.min(maxBytes, room));
  }

  #place(cursor: Cursor, at: number, distance: number): { file: string; line: number } {
    const file = this.#value(cursor, cursor.u32(at + fileField), distance);
    const line = this.#value(cursor, cursor.u32(at + lineField), distance);
    return { file: this.#fileName(cursor, cursor.u32(at + unitField), file), line: Math.max(0, line) };
  }

  #fileName(cursor: Cursor, unit: number, file: number): string {
    if (file < 0) return "";
    const offset = cursor.u32(this.#section.fileOffset + this.#header.unitsAt + (unit + file) * 4);
    return offset === absent ? "" : this.#text(cursor, this.#header.filesAt + offset, maxPathBytes);
  }

  /** What a table of values says at so many bytes behind the function's entry; -1 for nothing. */
  #value(cursor: Cursor, table: number, distance: number): number {
    if (table === 0) return -1;
    const at = this.#section.fileOffset + this.#header.valuesAt + table;
    return readValueAt(cursor, at, distance, this.#header.quantum);
  }

  /** The innermost function inlined at a place, and where in the outer function it was called. */
  #inlinedAt(cursor: Cursor, at: number, distance: number) {
    const { afterFields, newTrees } = this.#header;
    const tables = cursor.u32(at + valuesCountField);
    const trees = cursor.u8(at + afterFields - 1);
    if (this.#treesAt === undefined || tables <= inlineIndexValues || trees <= inlineTreeData) {
      return undefined;
    }
    const tree = cursor.u32(at + afterFields + (tables + inlineTreeData) * 4);
    if (tree === absent) return undefined;
    const index = this.#value(cursor, cursor.u32(at + afterFields + inlineIndexValues * 4), distance);
    if (index < 0) return undefined;
    // 1.20: func u8 and padding, name, parent pc, start line; before: parent i16, func u8, file, line, name, parent pc.
    const entry = this.#treesAt + tree + index * (newTrees ? 16 : 20);
    const nameAt = entry + (newTrees ? 4 : 12);
    return { nameOffset: cursor.u32(nameAt), callDistance: cursor.u32(nameAt + 4) };
  }
}
