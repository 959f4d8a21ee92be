import type { DwarfSections } from "./dwarf_sections.ts";
import { form } from "./forms.ts";
import { attributeNames, type AttributeValue, readEntry, readText, type Unit } from "./unit.ts";

const maxNames = 65_536;
/** From an inlined copy to the abstract function to its declaration is two. */
const maxHops = 8;

/** Names of functions by their entries; the linker's name where there is one, as it says class and arguments. */
export class EntryNames {
  readonly #sections: DwarfSections;
  readonly #unitAround: (at: number) => Unit | undefined;
  readonly #names = new Map<number, string>();

  constructor(sections: DwarfSections, unitAround: (at: number) => Unit | undefined) {
    this.#sections = sections;
    this.#unitAround = unitAround;
  }

  /** "" when it has none. */
  find(entryAt: number): string {
    const known = this.#names.get(entryAt);
    if (known !== undefined) return known;
    const name = this.#read(entryAt);
    if (this.#names.size >= maxNames) this.#names.clear();
    this.#names.set(entryAt, name);
    return name;
  }

  #read(entryAt: number): string {
    let plain = "";
    let at: number | undefined = entryAt;
    for (let hop = 0; hop < maxHops && at !== undefined; hop++) {
      const unit = this.#unitAround(at);
      const reader = unit && this.#sections.reader("info", at, unit.is64);
      const values = reader && readEntry(reader, unit!.abbreviations, unit!);
      if (values === undefined) break;
      const linked = values.get(attributeNames.linkageName) ?? values.get(attributeNames.mipsLinkageName);
      const name = readText(this.#sections, unit!, linked);
      if (name !== "") return name;
      plain ||= readText(this.#sections, unit!, values.get(attributeNames.name));
      at = referenceOf(
        unit!,
        values.get(attributeNames.abstractOrigin) ?? values.get(attributeNames.specification),
      );
    }
    return plain;
  }
}

/** Where a reference points to in .debug_info; undefined for one into another file. */
function referenceOf(unit: Unit, attribute: AttributeValue | undefined): number | undefined {
  switch (attribute?.form) {
    case form.ref1:
    case form.ref2:
    case form.ref4:
    case form.ref8:
    case form.refUdata:
      return unit.start + attribute.value;
    case form.refAddr:
      return attribute.value;
    default:
      return undefined;
  }
}
