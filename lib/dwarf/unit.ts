import type { Abbreviations } from "./abbreviations.ts";
import type { DwarfReader } from "./dwarf_reader.ts";
import type { DwarfSections } from "./dwarf_sections.ts";
import { form, readForm } from "./forms.ts";
import { type Range, readRangeList } from "./range_list.ts";

/** Attributes' names (DW_AT_*) that source places need. */
export const attributeNames = {
  name: 0x03,
  stmtList: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  compDir: 0x1b,
  abstractOrigin: 0x31,
  specification: 0x47,
  ranges: 0x55,
  callFile: 0x58,
  callLine: 0x59,
  linkageName: 0x6e,
  strOffsetsBase: 0x72,
  addrBase: 0x73,
  rnglistsBase: 0x74,
  mipsLinkageName: 0x2007,
} as const;

const compileUnit = 1;
const partialUnit = 3;
const skeletonUnit = 4;

/** An attribute's form and its value as written. */
export interface AttributeValue {
  readonly form: number;
  readonly value: number;
}

/** A unit of .debug_info: where it is, how it is written, and what its first entry says. */
export interface Unit {
  /** Where its header begins; references count from here. */
  readonly start: number;
  readonly end: number;
  readonly version: number;
  readonly addressBytes: number;
  readonly is64: boolean;
  readonly abbreviations: Abbreviations;
  /** Where its first entry is. */
  readonly rootAt: number;
  readonly root: ReadonlyMap<number, AttributeValue>;
}

/** Where the next unit begins; the size of the section when nothing sensible follows. */
export function skipUnit(sections: DwarfSections, start: number): number {
  const end = sections.sizeOf("info");
  const reader = sections.reader("info", start);
  if (reader === undefined) return end;
  const length = reader.unitLength();
  const next = reader.at + length;
  return reader.failed || length === 0 || next > end ? end : next;
}

/** Reads header and first entry; undefined for a kind or version not known here. */
export function readUnit(
  sections: DwarfSections,
  start: number,
  findAbbreviations: (at: number) => Abbreviations | undefined,
): Unit | undefined {
  const reader = sections.reader("info", start);
  if (reader === undefined) return undefined;
  const length = reader.unitLength();
  const end = Math.min(reader.at + length, sections.sizeOf("info"));
  const version = reader.u16();
  if (version < 2 || version > 5) return undefined;
  let kind = compileUnit;
  let addressBytes: number;
  let abbreviationsAt: number;
  if (version === 5) {
    kind = reader.u8();
    addressBytes = reader.u8();
    abbreviationsAt = reader.offset();
  } else {
    abbreviationsAt = reader.offset();
    addressBytes = reader.u8();
  }
  if (kind === skeletonUnit) reader.u64();
  const known = kind === compileUnit || kind === partialUnit || kind === skeletonUnit;
  const abbreviations = known && !reader.failed ? findAbbreviations(abbreviationsAt) : undefined;
  if (abbreviations === undefined || (addressBytes !== 8 && addressBytes !== 4)) return undefined;
  const rootAt = reader.at;
  const root = readEntry(reader, abbreviations, { version, addressBytes });
  const { is64 } = reader;
  return root && { start, end, version, addressBytes, is64, abbreviations, rootAt, root };
}

/** All attributes of the entry at the reader's place, by name; undefined when there is none. */
export function readEntry(
  reader: DwarfReader,
  abbreviations: Abbreviations,
  shape: { readonly version: number; readonly addressBytes: number },
): Map<number, AttributeValue> | undefined {
  const abbreviation = abbreviations.find(reader.uleb());
  if (abbreviation === undefined) return undefined;
  const values = new Map<number, AttributeValue>();
  const { attributes } = abbreviation;
  reader.cursor.spend(attributes.length / 3);
  for (let index = 0; index < attributes.length; index += 3) {
    const kind = attributes[index + 1]!;
    values.set(attributes[index]!, {
      form: kind,
      value: readForm(reader, kind, attributes[index + 2]!, shape),
    });
  }
  return reader.failed ? undefined : values;
}

/** The text of an attribute; "" when it has none, or one that lies in another file. */
export function readText(sections: DwarfSections, unit: Unit, attribute: AttributeValue | undefined): string {
  if (attribute === undefined) return "";
  const { value } = attribute;
  switch (attribute.form) {
    case form.string:
      return sections.text("info", value);
    case form.strp:
      return sections.text("str", value);
    case form.lineStrp:
      return sections.text("line_str", value);
    case form.strx:
    case form.strx1:
    case form.strx2:
    case form.strx3:
    case form.strx4:
    case form.gnuStrIndex: {
      const base = unit.root.get(attributeNames.strOffsetsBase)?.value ?? (unit.version === 5 ? 8 : 0);
      const reader = sections.reader("str_offsets", base + value * (unit.is64 ? 8 : 4), unit.is64);
      return reader === undefined ? "" : sections.text("str", reader.offset());
    }
    default:
      return "";
  }
}

/** The address of an attribute, through .debug_addr where it is an index; undefined when it is no address. */
export function readAddress(
  sections: DwarfSections,
  unit: Unit,
  { form: kind, value }: AttributeValue,
): number | undefined {
  switch (kind) {
    case form.addr:
      return value;
    case form.addrx:
    case form.addrx1:
    case form.addrx2:
    case form.addrx3:
    case form.addrx4:
    case form.gnuAddrIndex:
      return readIndexedAddress(sections, unit, value);
    default:
      return undefined;
  }
}

function readIndexedAddress(sections: DwarfSections, unit: Unit, index: number): number {
  const base = unit.root.get(attributeNames.addrBase)?.value ?? (unit.version === 5 ? 8 : 0);
  const reader = sections.reader("addr", base + index * unit.addressBytes);
  if (reader === undefined) return 0;
  return unit.addressBytes === 8 ? reader.u64() : reader.u32();
}

/** Where an entry's code is: its range, or its ranges. Those of code that was thrown away by the linker are left out. */
export function readRanges(
  sections: DwarfSections,
  unit: Unit,
  values: ReadonlyMap<number, AttributeValue>,
): Range[] {
  const low = values.get(attributeNames.lowPc);
  const high = values.get(attributeNames.highPc);
  const list = values.get(attributeNames.ranges);
  const start = low && readAddress(sections, unit, low);
  if (list !== undefined) {
    const rootLow = unit.root.get(attributeNames.lowPc);
    return readRangeList(sections, {
      ...{ version: unit.version, is64: unit.is64, addressBytes: unit.addressBytes },
      base: (rootLow && readAddress(sections, unit, rootLow)) ?? 0,
      listsBase: unit.root.get(attributeNames.rnglistsBase)?.value ?? (unit.is64 ? 20 : 12),
      addressAt: (index) => readIndexedAddress(sections, unit, index),
    }, list);
  }
  if (start === undefined || start === 0 || high === undefined) return [];
  const end = readAddress(sections, unit, high) ?? start + high.value;
  return end > start && Number.isSafeInteger(end) ? [{ start, end }] : [];
}
