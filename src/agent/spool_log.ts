import type { RecordClass, SpoolRecord } from "./spool_record.ts";

/** Logs in the order in which they give way. */
export const logNames = ["metrics", "refusals", "profiles", "tasks"] as const;
export type LogName = typeof logNames[number];

/** Where a record of a class is kept. */
export const logOfClass: Readonly<Record<RecordClass, LogName>> = {
  task: "tasks",
  profile: "profiles",
  refusal: "refusals",
  metrics: "metrics",
  other: "metrics",
};

/** Logs whose records are on the disk before `append` resolves. */
export const durableLogs: ReadonlySet<LogName> = new Set(["tasks", "profiles"]);

/** One class's records in ascending order. Calls do not overlap. */
export interface SpoolLog {
  readonly bytes: number;
  /** Whether a record above `acknowledged` is held, as far as known without reading. */
  readonly isEmpty: boolean;
  /** Whether the oldest part can go without the part that is being written. */
  readonly hasSealed: boolean;
  /**
   * Adds records, all or none.
   * @throws {Error} when the disk takes no more
   */
  append(records: readonly SpoolRecord[], durable: boolean): Promise<void>;
  /** Records above `acknowledged`, oldest first, until they have `maxBytes` together, at least one. */
  read(acknowledged: number, maxBytes: number): Promise<SpoolRecord[]>;
  /** Frees what is wholly at or below `acknowledged`. */
  forget(acknowledged: number): Promise<void>;
  /** Frees the oldest part and tells how many records above `acknowledged` were in it. */
  dropOldest(acknowledged: number): Promise<number>;
  close(): void;
}
