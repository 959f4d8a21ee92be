import type { DwarfReader } from "./dwarf_reader.ts";
import type { DwarfSections } from "./dwarf_sections.ts";
import { readForm } from "./forms.ts";
import { attributeNames, type AttributeValue, readRanges, type Unit } from "./unit.ts";

const functionTag = 0x2e;
const inlinedTag = 0x1d;
const maxScopes = 500_000;
const maxDepth = 512;
/** Functions that begin before an address and end before it, looked at before giving up. */
const maxStepsBack = 64;
/** Numbers of one scope: start, end, depth, entry, file and line of the call. */
const stride = 6;

/** A function, or one inlined into it, that covers an address. */
export interface Scope {
  /** Where its entry is in .debug_info. */
  readonly entryAt: number;
  /** Place of the call when it was inlined. */
  readonly callFile: number;
  readonly callLine: number;
}

/** One range of a function with the scopes inlined into it. */
interface FunctionRange {
  readonly start: number;
  readonly end: number;
  readonly entryAt: number;
  readonly scopes: number[];
}

/** The functions of a unit with what was inlined into each, by address. */
export class UnitFunctions {
  readonly #ranges: FunctionRange[];
  readonly #reach: Float64Array;
  readonly bytes: number;

  private constructor(ranges: FunctionRange[]) {
    this.#ranges = ranges.sort((one, two) => one.start - two.start);
    this.#reach = new Float64Array(ranges.length);
    let reach = 0;
    const lists = new Set<number[]>();
    ranges.forEach(({ end, scopes }, position) => {
      reach = Math.max(reach, end);
      this.#reach[position] = reach;
      lists.add(scopes);
    });
    this.bytes = ranges.length * 64;
    for (const { length } of lists) this.bytes += length * 8;
  }

  /**
   * Walks all entries of a unit.
   *
   * Limits: 500,000 scopes, 512 levels; what is beyond, or behind a broken entry, is left out.
   */
  static read(sections: DwarfSections, unit: Unit): UnitFunctions {
    const reader = sections.reader("info", unit.rootAt, unit.is64);
    return new UnitFunctions(reader === undefined ? [] : new Walk(sections, unit, reader).run());
  }

  /** Outermost first: the function, then what was inlined. Empty when no function covers the address. */
  find(address: number): Scope[] {
    const range = this.#findRange(address);
    if (range === undefined) return [];
    const chain: Scope[] = [{ entryAt: range.entryAt, callFile: 0, callLine: 0 }];
    let depth = -1;
    const { scopes } = range;
    for (let at = 0; at < scopes.length; at += stride) {
      if (address < scopes[at]! || address >= scopes[at + 1]! || scopes[at + 2]! <= depth) continue;
      depth = scopes[at + 2]!;
      chain.push({ entryAt: scopes[at + 3]!, callFile: scopes[at + 4]!, callLine: scopes[at + 5]! });
    }
    return chain;
  }

  #findRange(address: number): FunctionRange | undefined {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    for (let position = low - 1, steps = 0; position >= 0 && steps < maxStepsBack; position--, steps++) {
      if (this.#reach[position]! <= address) return undefined;
      if (this.#ranges[position]!.end > address) return this.#ranges[position];
    }
    return undefined;
  }
}

/** One walk over the entries of a unit. */
class Walk {
  readonly #sections: DwarfSections;
  readonly #unit: Unit;
  readonly #reader: DwarfReader;
  readonly #ranges: FunctionRange[] = [];
  /** Scopes of the function around each open level; undefined outside of functions. */
  readonly #around: (number[] | undefined)[] = [undefined];
  #scopes = 0;

  constructor(sections: DwarfSections, unit: Unit, reader: DwarfReader) {
    this.#sections = sections;
    this.#unit = unit;
    this.#reader = reader;
  }

  run(): FunctionRange[] {
    const reader = this.#reader;
    const { end, abbreviations } = this.#unit;
    while (reader.at < end && !reader.failed && this.#scopes < maxScopes) {
      const entryAt = reader.at;
      const code = reader.uleb();
      if (code === 0) {
        this.#around.pop();
        if (this.#around.length <= 1) break;
        continue;
      }
      const abbreviation = abbreviations.find(code);
      if (abbreviation === undefined) break;
      const { tag, hasChildren, attributes } = abbreviation;
      let around = this.#around.at(-1);
      if (tag === functionTag || tag === inlinedTag) {
        const values = this.#readWanted(attributes);
        if (reader.failed) break;
        if (tag === inlinedTag) this.#addInlined(around, entryAt, values);
        else around = this.#addFunction(entryAt, values);
      } else {
        this.#skip(attributes);
      }
      if (!hasChildren) continue;
      if (this.#around.length >= maxDepth) break;
      this.#around.push(around);
    }
    return this.#ranges;
  }

  #skip(attributes: readonly number[]): void {
    this.#reader.cursor.spend(attributes.length / 3);
    for (let index = 0; index < attributes.length; index += 3) {
      readForm(this.#reader, attributes[index + 1]!, 0, this.#unit);
    }
  }

  #readWanted(attributes: readonly number[]): Map<number, AttributeValue> {
    const values = new Map<number, AttributeValue>();
    this.#reader.cursor.spend(attributes.length / 3);
    for (let index = 0; index < attributes.length; index += 3) {
      const form = attributes[index + 1]!;
      const value = readForm(this.#reader, form, attributes[index + 2]!, this.#unit);
      values.set(attributes[index]!, { form, value });
    }
    return values;
  }

  #addFunction(entryAt: number, values: ReadonlyMap<number, AttributeValue>): number[] | undefined {
    const ranges = readRanges(this.#sections, this.#unit, values);
    if (ranges.length === 0) return undefined;
    const scopes: number[] = [];
    for (const { start, end } of ranges) this.#ranges.push({ start, end, entryAt, scopes });
    this.#scopes += ranges.length;
    return scopes;
  }

  #addInlined(
    scopes: number[] | undefined,
    entryAt: number,
    values: ReadonlyMap<number, AttributeValue>,
  ): void {
    if (scopes === undefined) return;
    const callFile = values.get(attributeNames.callFile)?.value ?? 0;
    const callLine = values.get(attributeNames.callLine)?.value ?? 0;
    for (const { start, end } of readRanges(this.#sections, this.#unit, values)) {
      scopes.push(start, end, this.#around.length, entryAt, callFile, callLine);
      this.#scopes++;
    }
  }
}
