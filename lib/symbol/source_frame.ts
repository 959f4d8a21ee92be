/** A function at one place of its source. */
export interface SourceFrame {
  /** As the debug information has it, not demangled; "" when it does not say. */
  readonly function: string;
  /** Path of the source file where it was compiled; "" when it is not known. */
  readonly file: string;
  /** From 1; 0 when it is not known. */
  readonly line: number;
}

/** Something that knows source places of a module: DWARF, or Go's own tables. */
export interface SourceFinder {
  /**
   * The function at a module address, after those that were inlined there, innermost first: all but the last were inlined
   * into the one after them. Undefined when nothing covers the address.
   */
  findFrames(address: number): SourceFrame[] | undefined;
}
