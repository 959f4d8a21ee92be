import type { DwarfReader } from "./dwarf_reader.ts";
import type { DwarfSections } from "./dwarf_sections.ts";
import { form } from "./forms.ts";

const maxRanges = 10_000;

/** Addresses in the module, the end not included. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What of a unit its range lists need. */
export interface RangeListUnit {
  readonly version: number;
  readonly is64: boolean;
  readonly addressBytes: number;
  /** What the list's offsets count from at first. */
  readonly base: number;
  /** Where the unit's table of lists is in .debug_rnglists. */
  readonly listsBase: number;
  addressAt(index: number): number;
}

/**
 * Reads the list that an attribute points to, without what is empty or begins at 0, as code does that was thrown away.
 *
 * Source: .debug_rnglists (DWARF 5), or pairs of addresses in .debug_ranges.
 * Limits: 10,000 ranges.
 */
export function readRangeList(
  sections: DwarfSections,
  unit: RangeListUnit,
  list: { readonly form: number; readonly value: number },
): Range[] {
  const ranges: Range[] = [];
  function add(start: number, end: number): boolean {
    if (start > 0 && end > start && Number.isSafeInteger(end)) ranges.push({ start, end });
    return ranges.length < maxRanges;
  }
  if (unit.version < 5) {
    const reader = sections.reader("ranges", list.value);
    if (reader !== undefined) readPairs(reader, unit, add);
    return ranges;
  }
  let at = list.value;
  if (list.form === form.rnglistx) {
    const table = sections.reader("rnglists", unit.listsBase + at * (unit.is64 ? 8 : 4), unit.is64);
    at = unit.listsBase + (table?.offset() ?? 0);
  }
  const reader = sections.reader("rnglists", at);
  if (reader !== undefined) readEntries(reader, unit, add);
  return ranges;
}

function readPairs(
  reader: DwarfReader,
  unit: RangeListUnit,
  add: (start: number, end: number) => boolean,
): void {
  let { base } = unit;
  while (!reader.failed) {
    const start = address(reader, unit);
    const end = address(reader, unit);
    if (start === 0 && end === 0) return;
    // The greatest address that there is: what follows is the new base.
    if (start >= (unit.addressBytes === 8 ? 2 ** 64 : 0xffffffff)) base = end;
    else if (!add(base + start, base + end)) return;
  }
}

function readEntries(
  reader: DwarfReader,
  unit: RangeListUnit,
  add: (start: number, end: number) => boolean,
): void {
  let { base } = unit;
  for (let room = true; room && !reader.failed;) {
    switch (reader.u8()) {
      case 1:
        base = unit.addressAt(reader.uleb());
        break;
      case 2: {
        const start = unit.addressAt(reader.uleb());
        room = add(start, unit.addressAt(reader.uleb()));
        break;
      }
      case 3: {
        const start = unit.addressAt(reader.uleb());
        room = add(start, start + reader.uleb());
        break;
      }
      case 4: {
        const start = base + reader.uleb();
        room = add(base === 0 ? 0 : start, base + reader.uleb());
        break;
      }
      case 5:
        base = address(reader, unit);
        break;
      case 6: {
        const start = address(reader, unit);
        room = add(start, address(reader, unit));
        break;
      }
      case 7: {
        const start = address(reader, unit);
        room = add(start, start + reader.uleb());
        break;
      }
      default:
        return;
    }
  }
}

function address(reader: DwarfReader, unit: RangeListUnit): number {
  return unit.addressBytes === 8 ? reader.u64() : reader.u32();
}
