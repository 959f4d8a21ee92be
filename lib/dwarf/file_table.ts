import type { DwarfReader } from "./dwarf_reader.ts";
import type { DwarfSection, DwarfSections } from "./dwarf_sections.ts";
import { form, readForm } from "./forms.ts";

const maxEntries = 65_536;
const maxParts = 16;
const pathContent = 1;
const folderContent = 2;

/** A text that is read when asked for. */
interface TextPlace {
  readonly section: DwarfSection;
  readonly at: number;
  readonly folder: number;
}

/** The source files of a unit, by number. */
export class FileTable {
  readonly #sections: DwarfSections;
  readonly #folders: readonly TextPlace[];
  readonly #files: readonly TextPlace[];
  readonly #firstNumber: number;
  readonly #unitFolder: string;
  readonly #paths = new Map<number, string>();

  /** `readFileTable` is the way to get one. Folder 0 is the unit's own before version 5, where numbers begin at 1. */
  constructor(
    sections: DwarfSections,
    version: number,
    unitFolder: string,
    folders: readonly TextPlace[],
    files: readonly TextPlace[],
  ) {
    this.#sections = sections;
    this.#folders = folders;
    this.#files = files;
    this.#firstNumber = version >= 5 ? 0 : 1;
    this.#unitFolder = unitFolder;
  }

  /** Path of a file, from the folder where it was compiled; "" when there is none of this number. */
  pathOf(number: number): string {
    const known = this.#paths.get(number);
    if (known !== undefined) return known;
    const file = this.#files[number - this.#firstNumber];
    const path = file === undefined ? "" : this.#join(file);
    this.#paths.set(number, path);
    return path;
  }

  #join(file: TextPlace): string {
    const name = this.#read(file);
    if (name === "" || name.startsWith("/")) return name;
    const place = this.#folders[file.folder - this.#firstNumber];
    const folder = place === undefined ? "" : this.#read(place);
    const path = folder === "" ? name : `${folder}/${name}`;
    return path.startsWith("/") || this.#unitFolder === "" ? path : `${this.#unitFolder}/${path}`;
  }

  #read({ section, at }: TextPlace): string {
    return this.#sections.text(section, at);
  }
}

/** Reads the tables of folders and files of a line program's header. Limits: 65,536 of each. */
export function readFileTable(
  sections: DwarfSections,
  reader: DwarfReader,
  version: number,
  unitFolder: string,
): FileTable {
  if (version >= 5) {
    const folders = readEntries(reader);
    return new FileTable(sections, version, unitFolder, folders, readEntries(reader));
  }
  const folders = readTexts(reader, false);
  return new FileTable(sections, version, unitFolder, folders, readTexts(reader, true));
}

/** Before version 5: texts up to an empty one, each file with its folder, time and length. */
function readTexts(reader: DwarfReader, files: boolean): TextPlace[] {
  const texts: TextPlace[] = [];
  while (!reader.failed && texts.length < maxEntries) {
    const at = reader.skipText();
    if (reader.at - at === 1) break;
    const folder = files ? reader.uleb() : 0;
    if (files) {
      reader.uleb();
      reader.uleb();
    }
    texts.push({ section: "line", at, folder });
  }
  return texts;
}

/** From version 5 on: a description of what an entry holds, then the entries. */
function readEntries(reader: DwarfReader): TextPlace[] {
  const parts = Array.from({ length: reader.u8() }, () => ({ content: reader.uleb(), kind: reader.uleb() }));
  const count = reader.uleb();
  const entries: TextPlace[] = [];
  if (parts.length === 0 || parts.length > maxParts) return entries;
  while (entries.length < Math.min(count, maxEntries) && !reader.failed) {
    let entry: TextPlace = { section: "line", at: 0, folder: 0 };
    for (const { content, kind } of parts) {
      const value = readForm(reader, kind, 0, { version: 5, addressBytes: 8 });
      if (content === pathContent) entry = { ...entry, section: sectionOf(kind), at: value };
      if (content === folderContent) entry = { ...entry, folder: value };
    }
    entries.push(entry);
  }
  return entries;
}

function sectionOf(kind: number): DwarfSection {
  return kind === form.lineStrp ? "line_str" : kind === form.strp ? "str" : "line";
}
