import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ReportBatch, StoredAgent } from "./store.ts";

/** Agents, how far their reports are stored, and their newest status. */
export class AgentsTable {
  readonly #sequence: StatementSync;
  readonly #put: StatementSync;
  readonly #status: StatementSync;
  readonly #list: StatementSync;

  constructor(database: DatabaseSync) {
    this.#sequence = database.prepare("SELECT sequence FROM agents WHERE id = ?");
    this.#put = database.prepare(
      "INSERT INTO agents (id, sequence, last_seen_ms, info) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE " +
        "SET sequence = max(sequence, ?2), last_seen_ms = max(last_seen_ms, ?3), info = ?4",
    );
    this.#status = database.prepare("UPDATE agents SET status = ? WHERE id = ?");
    this.#list = database.prepare("SELECT id, last_seen_ms, info, status FROM agents ORDER BY id");
  }

  /** Highest sequence stored; 0 for an unknown agent. */
  sequence(agentId: string): number {
    return Number(this.#sequence.get(agentId)?.sequence ?? 0);
  }

  /** Notes that the agent reported, and how far. */
  put({ agentId, lastSequence, atMs, info }: ReportBatch): void {
    this.#put.run(agentId, lastSequence, atMs, info);
  }

  /** Keeps the newest status of an agent that `put` made. */
  putStatus(agentId: string, status: Uint8Array): void {
    this.#status.run(status, agentId);
  }

  /** Every agent ever seen within the time kept. */
  list(): StoredAgent[] {
    return this.#list.all().map((row) => ({
      id: String(row.id),
      lastSeenMs: Number(row.last_seen_ms),
      info: row.info as Uint8Array,
      status: row.status === null ? undefined : row.status as Uint8Array,
    }));
  }
}
