import type { BpfObject } from "../../../lib/bpf/object.ts";
import { TableSlots } from "./table_slots.ts";
import { TargetMappings } from "./target_mappings.ts";
import type { UnwindTables } from "./unwind_tables.ts";

/**
 * Gives a loaded program that includes `unwind.bpf.h` what it unwinds its targets' user stacks by: where their modules are
 * mapped, and the modules' tables. Stacks are taken by frame pointers, and say so, where a table is not there yet.
 */
export class UserUnwinder {
  readonly #targets: readonly TargetMappings[];
  readonly #slots: TableSlots;
  readonly #waitMs: number;

  /** `pids` in the order of the program's targets. */
  constructor(object: BpfObject, pids: readonly number[], tables: UnwindTables) {
    this.#waitMs = tables.waitMs;
    this.#slots = new TableSlots(object.map("unwind_tables"), tables.store);
    this.#targets = pids.map((pid, target) =>
      new TargetMappings(object, { pid, target }, this.#slots, tables)
    );
  }

  /**
   * Resolves when the programs know the mappings and the tables that are there already, or come within `waitMs`; others are
   * compiled meanwhile.
   */
  async start(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.refresh()));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#waitMs);
    await Promise.race([promise, this.settle()]);
    clearTimeout(timer);
  }

  /** Looks for new mappings where that is called for; once a second is right. */
  refresh(): void {
    for (const target of this.#targets) void target.refreshIfNeeded();
  }

  /** Resolves when no table is being compiled. */
  async settle(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.settle()));
  }

  /** To be called before the object is closed. */
  close(): void {
    for (const target of this.#targets) target.close();
    this.#slots.close();
  }
}
