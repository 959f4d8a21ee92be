import type { ClosableSource } from "../elf/debug_file.ts";
import { type Elf, parseElf, toModuleAddress } from "../elf/elf.ts";
import type { ModuleSymbols } from "./module_symbols.ts";

/** One file that is mapped into processes. It is held open and read at the first lookup, so its name may go. */
export class Module {
  readonly path: string;
  /** Tells it from all others while it is mapped. */
  readonly key: string;
  readonly #file: ClosableSource;
  readonly #loadSymbols: (module: Module, file: ClosableSource, elf: Elf) => ModuleSymbols;
  /** Undefined before it is read, null when it is no ELF file. */
  #elf: Elf | null | undefined;
  #symbols: ModuleSymbols | undefined;

  /** `loadSymbols` reads what names there are, or finds those of another file with the same build ID. */
  constructor(
    path: string,
    key: string,
    file: ClosableSource,
    loadSymbols: (module: Module, file: ClosableSource, elf: Elf) => ModuleSymbols,
  ) {
    this.path = path;
    this.key = key;
    this.#file = file;
    this.#loadSymbols = loadSymbols;
  }

  get buildId(): string {
    return this.#elf?.buildId ?? "";
  }

  /** Undefined before `load`, and for what has none. */
  get symbols(): ModuleSymbols | undefined {
    return this.#symbols;
  }

  /** True when its outline was read. */
  get isOpen(): boolean {
    return this.#elf !== undefined;
  }

  /** Reads the outline; a file that turns out not to be what is mapped is as good as none. */
  open(isMapped: (elf: Elf) => boolean): void {
    const elf = parseElf(this.#file);
    this.#elf = elf !== undefined && isMapped(elf) ? elf : null;
  }

  /** Reads the symbols, once; after `open`. */
  load(): void {
    if (this.#elf) this.#symbols ??= this.#loadSymbols(this, this.#file, this.#elf);
  }

  /** Address in the module of an offset in its file; undefined when the file is no ELF or does not map it. */
  toAddress(fileOffset: number): number | undefined {
    return this.#elf ? toModuleAddress(this.#elf, fileOffset) : undefined;
  }

  close(): void {
    this.#file.close();
    this.#symbols?.close();
  }
}
