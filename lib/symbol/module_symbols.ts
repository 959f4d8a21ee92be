import { Dwarf } from "../dwarf/dwarf.ts";
import type { ClosableSource, DebugFile } from "../elf/debug_file.ts";
import { type Elf, findSection } from "../elf/elf.ts";
import { readMiniDebugInfo } from "../elf/mini_debug_info.ts";
import type { MemoryBudget } from "../elf/section_data.ts";
import { SymbolTable } from "../elf/symbol_table.ts";
import { GoLineTable } from "../go/line_table.ts";
import { demangle } from "./demangle.ts";
import type { SourceFinder, SourceFrame } from "./source_frame.ts";

const maxCachedNames = 65_536;

/** What the symbols of a module need of their surroundings. */
export interface ModuleSurroundings {
  /** Looks for the module's debug file, wherever there may be one. */
  findDebugFile(): DebugFile | undefined;
  /** Memory for what DWARF takes, of all modules together. */
  readonly memory: MemoryBudget;
}

/**
 * Names, and source places when asked for, of one build of a module: from its own symbols, what its distribution left in it
 * (.gnu_debugdata), its debug file, and Go's own tables.
 */
export class ModuleSymbols {
  readonly #file: ClosableSource;
  readonly #elf: Elf;
  readonly #surroundings: ModuleSurroundings;
  readonly #go: GoLineTable | undefined;
  readonly #names = new Map<number, string>();
  #debug: DebugFile | undefined;
  #searched = false;
  #table: SymbolTable;
  /** Null when there is none. */
  #source: SourceFinder | null | undefined;

  constructor(file: ClosableSource, elf: Elf, surroundings: ModuleSurroundings) {
    this.#file = file;
    this.#elf = elf;
    this.#surroundings = surroundings;
    this.#go = GoLineTable.read(file, elf);
    this.#table = this.#readTable();
  }

  /** True when a debug file would tell more than was found. */
  get wantsDebugFile(): boolean {
    if (this.#elf.buildId === "" || this.#debug !== undefined || this.#go !== undefined) return false;
    return findSection(this.#elf, ".symtab") === undefined ||
      findSection(this.#elf, ".debug_info") === undefined;
  }

  /** Looks for the debug file once more: it has been fetched. */
  retryDebugFile(): void {
    if (!this.wantsDebugFile) return;
    this.#searched = false;
    this.#source = undefined;
    this.#names.clear();
    this.#table = this.#readTable();
  }

  /** Demangled name of the function that covers a module address, "" when there is none. */
  nameAt(address: number): string {
    const position = this.#table.findPosition(address);
    if (position >= 0) {
      return this.#nameOnce(position, () => demangle(withoutVersion(this.#table.nameAt(position))));
    }
    const goPosition = this.#go?.findPosition(address) ?? -1;
    return goPosition < 0 ? "" : this.#nameOnce(-1 - goPosition, () => this.#go!.nameOf(goPosition));
  }

  /** Source places of a module address, innermost first; undefined when nothing is known. */
  findFrames(address: number): SourceFrame[] | undefined {
    this.#source ??= this.#openSource() ?? null;
    return this.#source?.findFrames(address);
  }

  close(): void {
    this.#debug?.source.close();
    this.#debug = undefined;
    this.#searched = true;
    this.#source = null;
  }

  /** Keys are positions in the symbol table, below zero those in Go's. */
  #nameOnce(key: number, read: () => string): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = read();
    if (this.#names.size >= maxCachedNames) this.#names.clear();
    this.#names.set(key, name);
    return name;
  }

  #readTable(): SymbolTable {
    const files = [{ source: this.#file, elf: this.#elf }];
    if (findSection(this.#elf, ".symtab") !== undefined) return new SymbolTable(files);
    const more = this.#findDebugFile() ?? readMiniDebugInfo(this.#file, this.#elf);
    return new SymbolTable(more === undefined ? files : [...files, more]);
  }

  #findDebugFile(): DebugFile | undefined {
    if (!this.#searched) this.#debug = this.#surroundings.findDebugFile();
    this.#searched = true;
    return this.#debug;
  }

  #openSource(): SourceFinder | undefined {
    if (this.#go !== undefined) return this.#go;
    const limits = { memory: this.#surroundings.memory };
    const own = Dwarf.open(this.#file, this.#elf, limits);
    const debug = own === undefined ? this.#findDebugFile() : undefined;
    return own ?? (debug && Dwarf.open(debug.source, debug.elf, limits));
  }
}

/** "memcpy@@GLIBC_2.14" in some .symtab. */
function withoutVersion(name: string): string {
  const at = name.indexOf("@");
  return at > 0 ? name.slice(0, at) : name;
}
