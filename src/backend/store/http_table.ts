import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ReportItem, StoredHttp } from "./store.ts";

const keptMs = 300_000;

/** HTTP records of the last five minutes of each side of each process. */
export class HttpTable {
  readonly #insert: StatementSync;
  readonly #forget: StatementSync;
  readonly #list: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      "INSERT INTO http_traffic (agent_id, process_id, client, start_ms, seconds, data) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#forget = database.prepare(
      "DELETE FROM http_traffic WHERE process_id = ? AND client = ? AND start_ms <= ? AND agent_id = ?",
    );
    // A process is its agent's alone: what another one says of it is not shown.
    this.#list = database.prepare(
      `SELECT h.process_id, h.start_ms, h.seconds, h.data FROM http_traffic h
       JOIN processes p ON p.id = h.process_id AND p.agent_id = h.agent_id
       WHERE h.process_id IN (SELECT value FROM json_each(?)) ORDER BY h.start_ms DESC, h.client LIMIT ?`,
    );
  }

  /** Takes a record's processes, each in place of its records over five minutes older, within the current transaction. */
  put(agentId: string, { startMs, seconds, processes }: ReportItem & { kind: "http" }): void {
    for (const { id, client, data } of processes) {
      this.#forget.run(id, Number(client), startMs - keptMs, agentId);
      this.#insert.run(agentId, id, Number(client), startMs, seconds, data);
    }
  }

  /** Records of these processes, newest first. */
  list(processIds: readonly string[], limit: number): StoredHttp[] {
    return this.#list.all(JSON.stringify(processIds), limit).map((row) => ({
      processId: String(row.process_id),
      startMs: Number(row.start_ms),
      seconds: Number(row.seconds),
      data: row.data as Uint8Array,
    }));
  }
}
