import type { DwarfReader } from "./dwarf_reader.ts";
import { form as forms } from "./forms.ts";

const maxAbbreviations = 100_000;
const maxAttributes = 256;

/** The shape of a debugging entry: its tag and, for each attribute, name, form and implicit value in turn. */
export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly number[];
}

/** One table of .debug_abbrev, read only as far as it was asked for. */
export class Abbreviations {
  readonly #reader: DwarfReader;
  readonly #known = new Map<number, Abbreviation>();
  #done = false;

  constructor(reader: DwarfReader) {
    this.#reader = reader;
  }

  find(code: number): Abbreviation | undefined {
    for (;;) {
      const known = this.#known.get(code);
      if (known !== undefined || this.#done) return known;
      this.#readNext();
    }
  }

  #readNext(): void {
    const reader = this.#reader;
    const code = reader.uleb();
    this.#done = code === 0 || reader.failed || this.#known.size >= maxAbbreviations;
    if (this.#done) return;
    const tag = reader.uleb();
    const hasChildren = reader.u8() !== 0;
    const attributes: number[] = [];
    for (let count = 0; count <= maxAttributes && !reader.failed; count++) {
      const name = reader.uleb();
      const form = reader.uleb();
      const implicit = form === forms.implicitConst ? reader.sleb() : 0;
      if (name === 0 && form === 0) {
        if (!this.#known.has(code)) this.#known.set(code, { tag, hasChildren, attributes });
        return;
      }
      attributes.push(name, form, implicit);
    }
    this.#done = true;
  }
}
