import type { FunctionRows } from "./function_rows.ts";
import { GrowingArray } from "./growing_array.ts";
import { unwindPageBytes } from "./unwind_table.ts";

/** Space between functions that alignment leaves; no code is there. */
const maxPaddingBytes = 15;
const noRuleNumber = 0;

/** The rows of an `UnwindTable`. */
export interface PackedRows {
  readonly pages: Uint32Array<ArrayBuffer>;
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Functions that begin where another did. */
  readonly hiddenFunctions: number;
}

/**
 * Puts the rows of functions in order of their addresses and packs them into pages.
 *
 * Where functions overlap, the one that begins later holds from its beginning on, as a search in .eh_frame_hdr would find it; of
 * those that begin together the first described does. Alignment between functions keeps the rule before it, so that fewer rows
 * do.
 */
export function packRows(functions: FunctionRows): PackedRows {
  const order = functions.sorted();
  const seen = order.filter((index, place) =>
    place === 0 || functions.starts.at(index) !== functions.starts.at(order[place - 1]!)
  );
  const pages = new PageWriter();
  let end = 0;
  for (let place = 0; place < seen.length; place++) {
    const index = seen[place]!;
    if (functions.starts.at(index) - end > maxPaddingBytes) pages.add(end, noRuleNumber);
    const next = place + 1 < seen.length ? functions.starts.at(seen[place + 1]!) : Infinity;
    end = Math.min(next, functions.ends.at(index));
    const endRow = functions.endRow(index);
    for (let row = functions.firstRows.at(index); row < endRow && functions.offsets.at(row) < end; row++) {
      pages.add(functions.offsets.at(row), functions.ruleNumbers.at(row));
    }
  }
  return { ...pages.finish(end), hiddenFunctions: order.length - seen.length };
}

/** Writes rows in ascending order, and repeats the one that reaches into a page at its beginning. */
class PageWriter {
  readonly #pages = new GrowingArray();
  readonly #rows = new GrowingArray();
  #lastRule = noRuleNumber;

  add(offset: number, ruleNumber: number): void {
    if (ruleNumber === this.#lastRule) return;
    this.#openPagesTo(offset);
    this.#lastRule = ruleNumber;
    this.#rows.push((offset % unwindPageBytes) + ruleNumber * 65_536);
  }

  finish(end: number): { pages: Uint32Array<ArrayBuffer>; rows: Uint32Array<ArrayBuffer> } {
    this.add(end, noRuleNumber);
    this.#pages.push(this.#rows.length);
    return { pages: this.#pages.finish(), rows: this.#rows.finish() };
  }

  #openPagesTo(offset: number): void {
    while (this.#pages.length * unwindPageBytes <= offset) {
      const isStart = this.#pages.length * unwindPageBytes === offset;
      this.#pages.push(this.#rows.length);
      if (!isStart) this.#rows.push(this.#lastRule * 65_536);
    }
  }
}
