/** What an address turned out to be. */
export interface SymbolizedFrame {
  /** "jit" is code that the process made itself, "interpreted" a function that an interpreter runs. */
  readonly kind: "user" | "kernel" | "jit" | "interpreted";
  /** Demangled, as an author of the program would write it; "" when it has no name. */
  readonly function: string;
  /** The mapped file's path, "[kernel]", "[nf_tables]", "[vdso]", "[java jit]" and the like; "" when nothing is known. */
  readonly module: string;
  /**
   * Address in the module's own file, which nm and addr2line take; its offset when the file cannot be read; as sampled
   * for the kernel, for code without a file and where nothing is mapped.
   */
  readonly address: bigint;
  /** Where in the source it is, of JIT functions and Node's where they begin; absent when that is not known. */
  readonly source?: SourcePlace;
  /** The compiler put this function into the next frame's, which is at the same address. */
  readonly inlined?: boolean;
  /** Part of how a language's runtime calls and runs functions. */
  readonly runtime?: boolean;
}

/** A line of a source file. */
export interface SourcePlace {
  /** Path where it was compiled. */
  readonly file: string;
  /** From 1; 0 when only the file is known. */
  readonly line: number;
}
