import type { BpfMap } from "../../../lib/bpf/map.ts";
import type { BpfObject } from "../../../lib/bpf/object.ts";
import type { TableBuilder } from "./table_builder.ts";
import type { StoredTable, TableStore } from "./table_store.ts";
import { TargetMappings } from "./target_mappings.ts";

/** MAX_UNWIND_TABLES of bpf/unwind.h. */
const maxTables = 512;

/** What the unwind tables of all tasks come from. */
export interface UnwindTables {
  readonly store: TableStore;
  readonly builder: TableBuilder;
  /** How long a profile waits for its tables before it begins. */
  readonly waitMs: number;
}

/**
 * Gives a loaded program that includes `unwind.bpf.h` what it unwinds its targets' user stacks by: where their modules are
 * mapped, and the modules' tables. Stacks are taken by frame pointers, and say so, where a table is not there yet.
 */
export class UserUnwinder {
  readonly #targets: readonly TargetMappings[];
  readonly #slots: TableSlots;
  readonly #waitMs: number;

  /** `pids` in the order of the program's targets. */
  constructor(object: BpfObject, pids: readonly number[], { store, builder, waitMs }: UnwindTables) {
    this.#waitMs = waitMs;
    this.#slots = new TableSlots(object.map("unwind_tables"), store);
    this.#targets = pids.map((pid, target) =>
      new TargetMappings(object, { pid, target }, this.#slots, builder)
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

/** The tables that one program uses, by slot. */
export class TableSlots {
  readonly #map: BpfMap;
  readonly #store: TableStore;
  readonly #slots = new Map<StoredTable, number>();

  constructor(map: BpfMap, store: TableStore) {
    this.#map = map;
    this.#store = store;
  }

  /** Slot of a table, which gets one if it has none; undefined when all 512 are taken or it was freed. @throws {BpfError} */
  take(table: StoredTable): number | undefined {
    const known = this.#slots.get(table);
    if (known !== undefined || this.#slots.size >= maxTables || !this.#store.retain(table)) return known;
    const slot = this.#slots.size;
    this.#map.update(new Uint8Array(new Uint32Array([slot]).buffer), table.array.handle);
    this.#slots.set(table, slot);
    return slot;
  }

  close(): void {
    for (const table of this.#slots.keys()) this.#store.release(table);
    this.#slots.clear();
  }
}
