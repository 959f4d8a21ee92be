import type { ByteSource } from "../bytes/byte_source.ts";
import { Cursor, type StepBudget } from "../bytes/cursor.ts";
import type { Elf } from "../elf/elf.ts";
import { type MemoryBudget, openSection } from "../elf/section_data.ts";
import { DwarfReader } from "./dwarf_reader.ts";

const maxTextBytes = 4096;

/** Sections that source places are read from, without `.debug_`. */
export type DwarfSection =
  | "info"
  | "abbrev"
  | "str"
  | "line"
  | "line_str"
  | "ranges"
  | "rnglists"
  | "addr"
  | "str_offsets";

/** The DWARF sections of one file, each opened when first asked for, with the steps that all reading may take. */
export class DwarfSections {
  readonly steps: StepBudget;
  readonly #source: ByteSource;
  readonly #elf: Elf;
  readonly #memory: MemoryBudget;
  readonly #opened = new Map<DwarfSection, ByteSource | undefined>();

  constructor(source: ByteSource, elf: Elf, steps: StepBudget, memory: MemoryBudget) {
    this.#source = source;
    this.#elf = elf;
    this.steps = steps;
    this.#memory = memory;
  }

  /** Size of a section; 0 when it is not there. */
  sizeOf(name: DwarfSection): number {
    return this.#open(name)?.sizeBytes ?? 0;
  }

  /** A reader at a place of a section; undefined when it is not there. */
  reader(name: DwarfSection, at: number, is64 = false): DwarfReader | undefined {
    const source = this.#open(name);
    return source && new DwarfReader(new Cursor(source, this.steps), at, is64);
  }

  /** Text up to a NUL, cut at 4,096 bytes; "" when it is not there. */
  text(name: DwarfSection, at: number): string {
    const source = this.#open(name);
    return source === undefined ? "" : new Cursor(source, this.steps).text(at, maxTextBytes);
  }

  #open(name: DwarfSection): ByteSource | undefined {
    if (!this.#opened.has(name)) {
      this.#opened.set(name, openSection(this.#source, this.#elf, `.debug_${name}`, this.#memory));
    }
    return this.#opened.get(name);
  }
}
