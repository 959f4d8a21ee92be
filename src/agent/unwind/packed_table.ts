import type { UnwindRule } from "../../../lib/unwind/unwind_rule.ts";
import type { UnwindTable } from "../../../lib/unwind/unwind_table.ts";

/** Words of a `struct unwind_block_value`. */
export const blockWords = 1024;
/** Words of a `struct unwind_rule`. */
const ruleWords = 4;

/** A table as the BPF programs read it. */
export interface PackedTable {
  /** Of 64 KiB of the module, from its first address on. */
  readonly pageCount: number;
  /** Word at which the rules begin. */
  readonly rulesAt: number;
  /**
   * The word of each page's first row, and the end; rules; rows, all little-endian. Filled up to whole blocks, so that no
   * copy is needed to hand them over.
   */
  readonly words: Uint32Array<ArrayBuffer>;
}

/** Packs a table. Source: bpf/unwind.h. */
export function packTable({ pages, rows, rules }: UnwindTable): PackedTable {
  const rulesAt = Math.ceil(pages.length / ruleWords) * ruleWords;
  const rowsAt = rulesAt + rules.length * ruleWords;
  const words = new Uint32Array(Math.ceil((rowsAt + rows.length) / blockWords) * blockWords);
  pages.forEach((row, page) => words[page] = rowsAt + row);
  const view = new DataView(words.buffer);
  rules.forEach((rule, index) => packRule(view, 4 * (rulesAt + index * ruleWords), rule));
  words.set(rows, rowsAt);
  return { pageCount: pages.length - 1, rulesAt, words };
}

/** Source: `struct unwind_rule` of bpf/unwind_maps.bpf.h. */
function packRule(view: DataView, at: number, rule: UnwindRule): void {
  view.setUint8(at, rule.base);
  view.setUint8(at + 1, rule.framePointer);
  view.setInt16(at + 2, rule.cfaOperand, true);
  view.setInt32(at + 4, rule.cfaOffset, true);
  view.setInt16(at + 8, rule.returnAddressOffset, true);
  view.setInt16(at + 10, rule.framePointerOffset, true);
}
