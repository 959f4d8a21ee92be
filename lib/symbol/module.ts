import { findDebugFile } from "../elf/debug_file.ts";
import { type Elf, parseElf, toModuleAddress } from "../elf/elf.ts";
import { readMiniDebugInfo } from "../elf/mini_debug_info.ts";
import { SymbolTable } from "../elf/symbol_table.ts";
import type { OpenedFile } from "../sys/opened_file.ts";
import { demangle } from "./demangle.ts";

const maxCachedNames = 65_536;

/** Where a module's addresses and names come from once it is read. */
interface Loaded {
  readonly elf: Elf;
  readonly symbols: SymbolTable;
  readonly debug: OpenedFile | undefined;
}

/** What a module needs of its surroundings to be read. */
export interface ModuleLoader {
  openDebugFile(path: string): OpenedFile | undefined;
  /** The symbols of another file with the same build ID, which are then used instead of reading them again. */
  findSymbols(buildId: string): SymbolTable | undefined;
}

/** One file that is mapped into processes. It is held open and read at the first lookup, so its name may go. */
export class Module {
  readonly path: string;
  readonly #file: OpenedFile;
  readonly #loader: ModuleLoader;
  readonly #names = new Map<number, string>();
  /** Undefined before it is read, false when it cannot be and is not tried again. */
  #loaded: Loaded | false | undefined;

  constructor(path: string, file: OpenedFile, loader: ModuleLoader) {
    this.path = path;
    this.#file = file;
    this.#loader = loader;
  }

  get buildId(): string {
    return this.#loaded ? this.#loaded.elf.buildId : "";
  }

  get symbols(): SymbolTable | undefined {
    return this.#loaded ? this.#loaded.symbols : undefined;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** Reads the file's outline and symbols, once. */
  load(): void {
    this.#loaded ??= this.#read() ?? false;
  }

  /** Address in the module of an offset in its file; undefined when the file is no ELF or does not map it. */
  toAddress(fileOffset: number): number | undefined {
    return this.#loaded ? toModuleAddress(this.#loaded.elf, fileOffset) : undefined;
  }

  /** Demangled name of the function that covers a module address, "" when there is none. */
  nameAt(address: number): string {
    if (!this.#loaded) return "";
    const { symbols } = this.#loaded;
    const position = symbols.findPosition(address);
    if (position < 0) return "";
    const known = this.#names.get(position);
    if (known !== undefined) return known;
    const name = demangle(withoutVersion(symbols.nameAt(position)));
    if (this.#names.size >= maxCachedNames) this.#names.clear();
    this.#names.set(position, name);
    return name;
  }

  close(): void {
    this.#file.close();
    if (this.#loaded) this.#loaded.debug?.close();
    this.#loaded = false;
  }

  #read(): Loaded | undefined {
    const elf = parseElf(this.#file);
    if (elf === undefined) return undefined;
    const same = elf.buildId === "" ? undefined : this.#loader.findSymbols(elf.buildId);
    if (same !== undefined) return { elf, symbols: same, debug: undefined };
    const files = [{ source: this.#file, elf }];
    if (elf.sections.some(({ name }) => name === ".symtab")) {
      return { elf, symbols: new SymbolTable(files), debug: undefined };
    }
    const debug = findDebugFile(this.path, elf, (path) => this.#loader.openDebugFile(path));
    const more = debug ?? readMiniDebugInfo(this.#file, elf);
    const symbols = new SymbolTable(more === undefined ? files : [...files, more]);
    return { elf, symbols, debug: debug?.source };
  }
}

/** "memcpy@@GLIBC_2.14" in some .symtab. */
function withoutVersion(name: string): string {
  const at = name.indexOf("@");
  return at > 0 ? name.slice(0, at) : name;
}
