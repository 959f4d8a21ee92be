import type { Logger } from "../../../lib/log.ts";
import type { TableBuilder } from "./table_builder.ts";
import type { TableStore } from "./table_store.ts";

/** What the unwind tables of all tasks come from. */
export interface UnwindTables {
  readonly store: TableStore;
  readonly builder: TableBuilder;
  readonly logger: Logger;
  /** How long a profile waits for its tables before it begins. */
  readonly waitMs: number;
}
