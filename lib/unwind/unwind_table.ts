import { noRule, type UnwindRule } from "./unwind_rule.ts";

/** Bytes of a module that one page of a table covers. */
export const unwindPageBytes = 65_536;

/**
 * The unwind rules of all addresses of one module, small enough for a BPF map: 4 bytes a row.
 *
 * Units: an offset is an address of the module, as its ELF file gives them, minus `firstAddress`. Of a return address it is that
 * of the byte before, which is of the call; a call that never returns may be the last instruction of its function.
 * Shape: offset >> 16 is the page; its rows are `rows[pages[page]]` up to, without, `rows[pages[page + 1]]`; the rule of an offset
 * is that of the last row of its page which begins at or before offset & 0xffff. Every page has a row that begins at 0.
 * Limits: 65,536 rows a page, so 16 steps of a binary search find one; offsets of pages behind the last have no rule.
 */
export interface UnwindTable {
  /** Lowest address of a PT_LOAD segment, rounded down to 4,096. */
  readonly firstAddress: number;
  /** Index of each page's first row, ascending, and the number of rows as the end. */
  readonly pages: Uint32Array<ArrayBuffer>;
  /** Low 16 bits: those of the offset at which the row begins. High 16 bits: index of its rule. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Each once; the first is `noRule`, which fills what lies between functions. At most 65,536. */
  readonly rules: readonly UnwindRule[];
  readonly loss: UnwindTableLoss;
}

/** What a table lacks of what its file has. */
export interface UnwindTableLoss {
  /** Places whose instructions cannot be put into a rule, or whose rule is one too many: they have `noRule`. */
  readonly unsupportedRows: number;
  /** Functions left out: their description is broken or lies over one that came before. */
  readonly skippedFunctions: number;
  /** Why the rest of the file was left out; "" when all of it was read. */
  readonly cutReason: string;
}

/** Why there is no table of a module. */
export interface NoUnwindTable {
  readonly reason: string;
}

/** The rule of an offset from the table's first address; `noRule` outside. */
export function findUnwindRule(table: UnwindTable, offset: number): UnwindRule {
  const { pages, rows, rules } = table;
  const page = Math.floor(offset / unwindPageBytes);
  const first = pages[page];
  const end = pages[page + 1];
  if (first === undefined || end === undefined) return noRule;
  const place = offset & 0xffff;
  let low = first;
  for (let high = end; high - low > 1;) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]! & 0xffff) <= place) low = middle;
    else high = middle;
  }
  return rules[rows[low]! >>> 16] ?? noRule;
}
