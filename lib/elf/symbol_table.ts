import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor } from "../bytes/cursor.ts";
import type { Elf, Section } from "./elf.ts";

const symbolTableSection = 2;
const dynamicSymbolsSection = 11;
const entryBytes = 24;
/** Entries read at once: 768 KiB. */
const chunkEntries = 32_768;
/** What an index in a sort key can hold. */
const maxSymbols = 1 << 20;
/** Addresses a sort key can hold: 44 bits. */
const maxAddress = 2 ** 44;
const maxNameBytes = 1024;
/** Symbols that start before an address and end before it, looked at before giving up. */
const maxStepsBack = 64;
const noType = 0;
const functionType = 2;
const indirectFunctionType = 10;

/** A file whose symbols are wanted, with its outline. */
export interface SymbolFile {
  readonly source: ByteSource;
  readonly elf: Elf;
}

/** Where the names of one table lie; they are read when asked for, never all. */
interface Names {
  readonly source: ByteSource;
  readonly section: Section;
}

/** Symbols before they are sorted, in columns. */
class Columns {
  readonly addresses: Float64Array;
  readonly sizes: Float64Array;
  readonly names: Uint32Array;
  /** Which `Names`, and below it how good a name it is among those of one address. */
  readonly tables: Uint8Array;
  readonly ranks: Uint8Array;
  count = 0;

  constructor(capacity: number) {
    this.addresses = new Float64Array(capacity);
    this.sizes = new Float64Array(capacity);
    this.names = new Uint32Array(capacity);
    this.tables = new Uint8Array(capacity);
    this.ranks = new Uint8Array(capacity);
  }
}

/**
 * The functions of a module by address: .symtab and .dynsym of the binary and of its debug file together.
 *
 * A name is given only inside of the symbol's own size, so a gap has no name rather than its neighbour's. A symbol of
 * size 0 names its exact address, and only where no sized symbol covers it. Of several names of one address, global wins
 * over weak over local.
 *
 * Limits: the first 1,048,576 symbols; names are cut at 1,024 bytes.
 *
 * @example
 * ```ts
 * import { MemorySource } from "../bytes/memory_source.ts";
 * import { parseElf } from "./elf.ts";
 * import { SymbolTable } from "./symbol_table.ts";
 * const source = new MemorySource(Deno.readFileSync("/bin/true"));
 * const elf = parseElf(source);
 * if (elf !== undefined) new SymbolTable([{ source, elf }]).find(0x1234);
 * ```
 */
export class SymbolTable {
  readonly #names: Names[] = [];
  #addresses = new Float64Array(0);
  #ends = new Float64Array(0);
  /** The greatest end up to and with each symbol: nothing before can cover an address beyond it. */
  #reach = new Float64Array(0);
  #nameOffsets = new Uint32Array(0);
  #tables = new Uint8Array(0);

  constructor(files: readonly SymbolFile[]) {
    const tables = files.flatMap(({ source, elf }) =>
      elf.sections
        .filter(({ type }) => type === symbolTableSection || type === dynamicSymbolsSection)
        .map((section) => ({ source, elf, section }))
    ).slice(0, 8);
    const present = tables.map(({ source, section }) =>
      Math.max(0, Math.floor(Math.min(section.sizeBytes, source.sizeBytes - section.fileOffset) / entryBytes))
    );
    const columns = new Columns(Math.min(maxSymbols, present.reduce((sum, count) => sum + count, 0)));
    for (const { source, elf, section } of tables) this.#collect(columns, source, elf, section);
    this.#index(columns);
  }

  get size(): number {
    return this.#addresses.length;
  }

  /** Name of the function that covers a module address, as the file has it; undefined when there is none. */
  find(address: number): string | undefined {
    const position = this.findPosition(address);
    return position < 0 ? undefined : this.nameAt(position);
  }

  /** Name at a position that `findPosition` gave; "" when its string cannot be read. */
  nameAt(position: number): string {
    const { source, section } = this.#names[this.#tables[position]!]!;
    const offset = this.#nameOffsets[position]!;
    const limit = Math.min(maxNameBytes, section.sizeBytes - offset);
    return limit <= 0 ? "" : new Cursor(source, 8).text(section.fileOffset + offset, limit);
  }

  /** Position of the innermost symbol that covers the address, to key a cache with; -1 when there is none. */
  findPosition(address: number): number {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    for (let position = low - 1, steps = 0; position >= 0 && steps < maxStepsBack; position--, steps++) {
      if (this.#reach[position]! <= address) return -1;
      if (this.#ends[position]! > address) return position;
    }
    return -1;
  }

  #collect(columns: Columns, source: ByteSource, elf: Elf, section: Section): void {
    const strings = elf.sections[section.link];
    if (strings === undefined || section.entryBytes !== entryBytes) return;
    const table = this.#names.push({ source, section: strings }) - 1;
    const available = Math.min(section.sizeBytes, source.sizeBytes - section.fileOffset);
    const count = Math.floor(available / entryBytes);
    for (let first = 0; first < count; first += chunkEntries) {
      const entries = Math.min(chunkEntries, count - first);
      const bytes = source.readAt(section.fileOffset + first * entryBytes, entries * entryBytes);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at + entryBytes <= view.byteLength; at += entryBytes) {
        if (columns.count === columns.addresses.length) return;
        addEntry(columns, view, at, elf, table);
      }
      if (bytes.length < entries * entryBytes) return;
    }
  }

  /** Sorts by address, keeps one name an address and drops unsized symbols inside of sized ones. */
  #index(columns: Columns): void {
    const order = sortByAddress(columns);
    const { addresses, sizes, names, tables, ranks } = columns;
    const positions = new Uint32Array(order.length);
    let kept = 0;
    let reach = 0;
    for (const index of order) {
      const address = addresses[index]!;
      const previous = kept === 0 ? -1 : positions[kept - 1]!;
      if (previous >= 0 && addresses[previous] === address) {
        if (ranks[index]! > ranks[previous]!) positions[kept - 1] = index;
      } else if (sizes[index]! > 0 || address >= reach) {
        positions[kept++] = index;
      }
      reach = Math.max(reach, address + sizes[index]!);
    }
    this.#addresses = new Float64Array(kept);
    this.#ends = new Float64Array(kept);
    this.#reach = new Float64Array(kept);
    this.#nameOffsets = new Uint32Array(kept);
    this.#tables = new Uint8Array(kept);
    reach = 0;
    for (let position = 0; position < kept; position++) {
      const index = positions[position]!;
      const end = addresses[index]! + Math.max(1, sizes[index]!);
      reach = Math.max(reach, end);
      this.#addresses[position] = addresses[index]!;
      this.#ends[position] = end;
      this.#reach[position] = reach;
      this.#nameOffsets[position] = names[index]!;
      this.#tables[position] = tables[index]!;
    }
  }
}

/** Source: Elf64_Sym: name u32, info u8, other u8, section u16, value u64, size u64. */
function addEntry(columns: Columns, view: DataView, at: number, elf: Elf, table: number): void {
  const info = view.getUint8(at + 4);
  const type = info & 15;
  if (type !== functionType && type !== indirectFunctionType && type !== noType) return;
  const sectionIndex = view.getUint16(at + 6, true);
  const name = view.getUint32(at, true);
  if (name === 0 || elf.sections[sectionIndex]?.executable !== true) return;
  const address = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
  const size = view.getUint32(at + 20, true) * 2 ** 32 + view.getUint32(at + 16, true);
  if (address >= maxAddress || size >= maxAddress) return;
  const binding = info >> 4;
  const index = columns.count++;
  columns.addresses[index] = address;
  columns.sizes[index] = size;
  columns.names[index] = name;
  columns.tables[index] = table;
  // Sized before unsized, then global (1), weak (2), local (0).
  columns.ranks[index] = (size > 0 ? 4 : 0) + (binding === 1 ? 3 : binding === 2 ? 2 : 1);
}

/** Indexes in order of address: sorted as 64-bit numbers of 44 bits of address over 20 bits of index. */
function sortByAddress(columns: Columns): Uint32Array {
  const halves = new Uint32Array(columns.count * 2);
  for (let index = 0; index < columns.count; index++) {
    const address = columns.addresses[index]!;
    halves[2 * index] = (address % 4096) * 2 ** 20 + index;
    halves[2 * index + 1] = Math.floor(address / 4096);
  }
  new BigUint64Array(halves.buffer).sort();
  const order = new Uint32Array(columns.count);
  for (let index = 0; index < columns.count; index++) order[index] = halves[2 * index]! & 0xfffff;
  return order;
}
