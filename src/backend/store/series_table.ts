import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SeriesKey } from "./store.ts";

const cacheLimit = 500_000;

/** Numbers of series, kept in memory because every report names hundreds. */
export class SeriesTable {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #list: StatementSync;
  readonly #numbers = new Map<string, number>();

  constructor(database: DatabaseSync) {
    this.#find = database.prepare(
      "SELECT id FROM series WHERE agent_id = ? AND process_id = ? AND metric = ? AND uri = ? AND variant = ?",
    );
    this.#insert = database.prepare(
      "INSERT INTO series (agent_id, process_id, metric, uri, variant, last_hour) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#list = database.prepare(
      "SELECT process_id, metric, uri, variant FROM series WHERE process_id IN (?, '') AND agent_id = ? " +
        "ORDER BY process_id = '', metric, uri, variant LIMIT 1000",
    );
  }

  /** Number of a series; undefined when it never held anything. */
  find(agentId: string, key: SeriesKey): number | undefined {
    const name = cacheName(agentId, key);
    const cached = this.#numbers.get(name);
    if (cached !== undefined) return cached;
    const found = this.#find.get(agentId, key.processId, key.metric, key.uri, key.variant)?.id;
    if (found === undefined) return undefined;
    this.#remember(name, Number(found));
    return Number(found);
  }

  /** Number of a series, made within the current transaction when there is none; call `forget` if that fails. */
  need(agentId: string, key: SeriesKey, hour: number): number {
    const found = this.find(agentId, key);
    if (found !== undefined) return found;
    const number = Number(
      this.#insert.run(agentId, key.processId, key.metric, key.uri, key.variant, hour).lastInsertRowid,
    );
    this.#remember(cacheName(agentId, key), number);
    return number;
  }

  /** Series of a process and those of its host. */
  list(agentId: string, processId: string): SeriesKey[] {
    return this.#list.all(processId, agentId).map((row) => ({
      processId: String(row.process_id),
      metric: String(row.metric),
      uri: String(row.uri),
      variant: String(row.variant),
    }));
  }

  /** Drops what is remembered, after a transaction was undone or series were deleted. */
  forget(): void {
    this.#numbers.clear();
  }

  #remember(name: string, number: number): void {
    if (this.#numbers.size >= cacheLimit) this.#numbers.clear();
    this.#numbers.set(name, number);
  }
}

function cacheName(agentId: string, { processId, metric, uri, variant }: SeriesKey): string {
  return `${agentId}\0${processId}\0${metric}\0${uri}\0${variant}`;
}
