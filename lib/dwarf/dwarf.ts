import type { ByteSource } from "../bytes/byte_source.ts";
import { type Elf, findSection } from "../elf/elf.ts";
import type { MemoryBudget } from "../elf/section_data.ts";
import type { SourceFinder, SourceFrame } from "../symbol/source_frame.ts";
import { Abbreviations } from "./abbreviations.ts";
import { DwarfSections } from "./dwarf_sections.ts";
import { EntryNames } from "./entry_names.ts";
import { type LineProgram, readLineProgram } from "./line_program.ts";
import { attributeNames, readText, readUnit, type Unit } from "./unit.ts";
import { UnitFunctions } from "./unit_functions.ts";
import { UnitIndex } from "./unit_index.ts";

const defaultSteps = 20_000_000;
const maxAbbreviationTables = 4096;

/** What one module may take. */
export interface DwarfLimits {
  /** Steps of reading, of the index and of each unit that is looked into; 20 million, a second or so, when not given. */
  readonly steps?: number;
  /** Memory, which several modules may share. */
  readonly memory: MemoryBudget;
}

/** A unit with what was read of it. */
interface LoadedUnit {
  readonly unit: Unit;
  readonly functions: UnitFunctions;
  readonly lines: LineProgram | undefined;
}

/**
 * Lines and inlined functions of a module that was compiled with -g, read unit by unit as they are asked for.
 *
 * Source: .debug_info and what belongs to it, DWARF 2 to 5, also compressed. Not read: split DWARF (.dwo), other files that
 * dwz moved parts to.
 * Limits: beyond steps or memory it knows nothing more.
 *
 * @example
 * ```ts
 * import { MemorySource } from "../bytes/memory_source.ts";
 * import { parseElf } from "../elf/elf.ts";
 * import { Dwarf } from "./dwarf.ts";
 * const source = new MemorySource(Deno.readFileSync("/bin/true"));
 * const elf = parseElf(source);
 * if (elf !== undefined) Dwarf.open(source, elf, { memory: { leftBytes: 1 << 26 } })?.findFrames(0x1234);
 * ```
 */
export class Dwarf implements SourceFinder {
  readonly #sections: DwarfSections;
  readonly #memory: MemoryBudget;
  readonly #abbreviations = new Map<number, Abbreviations>();
  readonly #loaded = new Map<number, LoadedUnit | undefined>();
  readonly #names: EntryNames;
  #index: UnitIndex | undefined;

  private constructor(sections: DwarfSections, memory: MemoryBudget) {
    this.#sections = sections;
    this.#memory = memory;
    this.#names = new EntryNames(sections, (at) => this.#unitAround(at));
  }

  /** Undefined when the file has no DWARF. */
  static open(source: ByteSource, elf: Elf, { steps, memory }: DwarfLimits): Dwarf | undefined {
    if (findSection(elf, ".debug_info") === undefined) return undefined;
    const sections = new DwarfSections(source, elf, { left: steps ?? defaultSteps }, memory);
    return new Dwarf(sections, memory);
  }

  findFrames(address: number): SourceFrame[] | undefined {
    const start = this.#units().find(address);
    const loaded = start === undefined ? undefined : this.#load(start);
    if (loaded === undefined) return undefined;
    const { functions, lines } = loaded;
    const row = lines?.rows.find(address);
    const chain = functions.find(address);
    if (row === undefined && chain.length === 0) return undefined;
    let place = { file: this.#path(lines, row?.file ?? 0, row !== undefined), line: row?.line ?? 0 };
    const frames: SourceFrame[] = [];
    for (const scope of chain.reverse()) {
      frames.push({ function: this.#names.find(scope.entryAt), ...place });
      place = { file: this.#path(lines, scope.callFile, scope.callLine > 0), line: scope.callLine };
    }
    return frames.length > 0 ? frames : [{ function: "", ...place }];
  }

  #path(lines: LineProgram | undefined, file: number, known: boolean): string {
    return known ? lines?.files.pathOf(file) ?? "" : "";
  }

  #units(): UnitIndex {
    return this.#index ??= UnitIndex.read(this.#sections, (at) => this.#readUnit(at));
  }

  #readUnit(start: number): Unit | undefined {
    return readUnit(this.#sections, start, (at) => this.#findAbbreviations(at));
  }

  #unitAround(entryAt: number): Unit | undefined {
    const start = this.#units().around(entryAt);
    if (start === undefined) return undefined;
    return this.#loaded.get(start)?.unit ?? this.#readUnit(start);
  }

  #findAbbreviations(at: number): Abbreviations | undefined {
    const known = this.#abbreviations.get(at);
    if (known !== undefined) return known;
    const reader = this.#sections.reader("abbrev", at);
    if (reader === undefined) return undefined;
    const table = new Abbreviations(reader);
    if (this.#abbreviations.size >= maxAbbreviationTables) this.#abbreviations.clear();
    this.#abbreviations.set(at, table);
    return table;
  }

  /** Reads a unit once; undefined when memory is short or it cannot be read. */
  #load(start: number): LoadedUnit | undefined {
    if (this.#loaded.has(start)) return this.#loaded.get(start);
    const loaded = this.#memory.leftBytes > 0 ? this.#read(start) : undefined;
    this.#loaded.set(start, loaded);
    return loaded;
  }

  #read(start: number): LoadedUnit | undefined {
    const unit = this.#readUnit(start);
    if (unit === undefined) return undefined;
    const functions = UnitFunctions.read(this.#sections, unit);
    const program = unit.root.get(attributeNames.stmtList);
    const lines = program && readLineProgram(this.#sections, program.value, {
      folder: readText(this.#sections, unit, unit.root.get(attributeNames.compDir)),
      addressBytes: unit.addressBytes,
    });
    this.#memory.leftBytes -= functions.bytes + (lines?.rows.bytes ?? 0);
    return { unit, functions, lines };
  }
}
