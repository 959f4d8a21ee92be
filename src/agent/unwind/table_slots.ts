import type { BpfMap } from "../../../lib/bpf/map.ts";
import type { StoredTable, TableStore } from "./table_store.ts";

/** MAX_UNWIND_TABLES of bpf/unwind.h. */
const maxTables = 512;

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
