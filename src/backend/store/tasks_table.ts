import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { ReportItem, TaskQuery, TaskRow } from "./store.ts";

const runningState = 1;
const bytesPerRead = 4 * 1024 * 1024;

/** Tasks, their profiles' chunks as received, and refusals. */
export class TasksTable {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #dropProcesses: StatementSync;
  readonly #putProcess: StatementSync;
  readonly #putChunk: StatementSync;
  readonly #countBytes: StatementSync;
  readonly #get: StatementSync;
  readonly #kinds: StatementSync;
  readonly #chunks: StatementSync;
  readonly #putRefusal: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare(
      `INSERT INTO tasks (id, agent_id, policy, metric, state, started_ms, deadline_ms, search, data)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET policy = ?3, metric = ?4, state = ?5,
         started_ms = ?6, deadline_ms = ?7, search = ?8, data = ?9 WHERE agent_id = ?2`,
    );
    this.#dropProcesses = database.prepare("DELETE FROM task_processes WHERE task_id = ?");
    this.#putProcess = database.prepare("INSERT OR REPLACE INTO task_processes VALUES (?, ?, ?)");
    this.#putChunk = database.prepare(
      "INSERT OR IGNORE INTO profile_chunks (task_id, kind, chunk, data) VALUES (?, ?, ?, ?)",
    );
    this.#countBytes = database.prepare(
      "INSERT INTO profiles VALUES (?1, ?2, ?3, ?4) ON CONFLICT (task_id, kind) DO UPDATE SET bytes = bytes + ?3",
    );
    this.#get = database.prepare("SELECT agent_id, data FROM tasks WHERE id = ?");
    this.#kinds = database.prepare("SELECT kind, bytes FROM profiles WHERE task_id = ? ORDER BY kind");
    this.#chunks = database.prepare(
      "SELECT chunk, data FROM profile_chunks WHERE task_id = ? AND kind = ? AND chunk >= ? ORDER BY chunk",
    );
    this.#putRefusal = database.prepare(
      `INSERT INTO refusals (agent_id, policy, process_id, reason, first_ms, last_ms, data)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
       ON CONFLICT (agent_id, policy, process_id, reason, first_ms) DO UPDATE SET last_ms = ?6, data = ?7`,
    );
  }

  /** Stores the newest word on a task; one of another agent with the same id is left alone. */
  put(agentId: string, task: TaskRow): void {
    const { id, policy, metric, state, startedAtMs, deadlineMs, search, data } = task;
    if (!this.#put.run(id, agentId, policy, metric, state, startedAtMs, deadlineMs, search, data).changes) {
      return;
    }
    this.#dropProcesses.run(id);
    for (const process of task.processes) this.#putProcess.run(process.id, id, process.service);
  }

  /** Stores a chunk once. */
  putChunk({ taskId, profileKind, number, startMs, data }: ReportItem & { kind: "profile" }): void {
    if (!this.#putChunk.run(taskId, profileKind, number, data).changes) return;
    this.#countBytes.run(taskId, profileKind, data.length, startMs);
  }

  /** Stores a refusal, or what became of the same episode. */
  putRefusal(agentId: string, refusal: ReportItem & { kind: "refusal" }): void {
    const { policy, processId, reason, firstMs, lastMs, data } = refusal;
    this.#putRefusal.run(agentId, policy, processId, reason, firstMs, lastMs, data);
  }

  /** One page, newest first. */
  list(query: TaskQuery): { tasks: Uint8Array[]; total: number } {
    const conditions = ["t.started_ms >= ?", "t.started_ms <= ?"];
    const values: SQLInputValue[] = [query.fromMs, query.toMs];
    function need(condition: string, value: SQLInputValue | undefined): void {
      if (!value) return;
      conditions.push(condition);
      values.push(value);
    }
    for (const word of (query.search ?? "").toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8)) {
      need("instr(t.search, ?)", word);
    }
    need("t.policy = ?", query.policy);
    need("t.metric = ?", query.metric);
    need("t.id IN (SELECT task_id FROM task_processes WHERE service = ?)", query.service);
    need("t.id IN (SELECT task_id FROM task_processes WHERE process_id = ?)", query.processId);
    if (query.states?.length) {
      need("t.state IN (SELECT value FROM json_each(?))", JSON.stringify(query.states));
    }
    const where = conditions.join(" AND ");
    const count = this.#database.prepare(`SELECT count(*) AS total FROM tasks t WHERE ${where}`).get(
      ...values,
    );
    const rows = this.#database.prepare(
      `SELECT t.data FROM tasks t WHERE ${where} ORDER BY t.started_ms DESC, t.number DESC LIMIT ? OFFSET ?`,
    ).all(...values, query.limit, query.offset);
    return { tasks: rows.map((row) => row.data as Uint8Array), total: Number(count?.total) };
  }

  /** A task with the kinds of profile that have any chunk. */
  get(id: string): { agentId: string; data: Uint8Array; kinds: number[]; profileBytes: number } | undefined {
    const row = this.#get.get(id);
    if (row === undefined) return undefined;
    const kinds = this.#kinds.all(id);
    return {
      agentId: String(row.agent_id),
      data: row.data as Uint8Array,
      kinds: kinds.map(({ kind }) => Number(kind)),
      profileBytes: kinds.reduce((sum, { bytes }) => sum + Number(bytes), 0),
    };
  }

  /** Chunks from number `from` on, about 4 MiB of them. */
  readChunks(taskId: string, kind: number, from: number): { number: number; data: Uint8Array }[] {
    const chunks: { number: number; data: Uint8Array }[] = [];
    let bytes = 0;
    for (const row of this.#chunks.iterate(taskId, kind, from)) {
      const data = row.data as Uint8Array;
      chunks.push({ number: Number(row.chunk), data });
      if ((bytes += data.length) >= bytesPerRead) break;
    }
    return chunks;
  }

  /** Tasks of each policy and process, of one policy or of all. */
  countTrips(policy?: string): { policy: string; processId: string; trips: number; lastMs: number }[] {
    return this.#database.prepare(
      `SELECT t.policy, p.process_id, count(*) AS trips, max(t.started_ms) AS last
       FROM tasks t JOIN task_processes p ON p.task_id = t.id WHERE t.policy ${
        policy === undefined ? "> ?" : "= ?"
      }
       GROUP BY t.policy, p.process_id`,
    ).all(policy ?? "").map((row) => ({
      policy: String(row.policy),
      processId: String(row.process_id),
      trips: Number(row.trips),
      lastMs: Number(row.last),
    }));
  }

  /** Newest first. */
  listRefusals(limit: number, of?: { processId: string } | { policy: string }): Uint8Array[] {
    const column = of === undefined ? "" : "policy" in of ? "policy" : "process_id";
    const statement = this.#database.prepare(
      `SELECT data FROM refusals ${column && `WHERE ${column} = ?2`} ORDER BY last_ms DESC LIMIT ?1`,
    );
    const rows = of === undefined
      ? statement.all(limit)
      : statement.all(limit, "policy" in of ? of.policy : of.processId);
    return rows.map((row) => row.data as Uint8Array);
  }

  /** Tasks kept, and those that should still run. */
  count(nowMs: number): { tasks: number; running: number; oldestMs: number; profileBytes: number } {
    const row = this.#database.prepare(
      `SELECT (SELECT count(*) FROM tasks) AS tasks,
         (SELECT count(*) FROM tasks WHERE started_ms > ?1 - 7200000 AND state = ${runningState} AND deadline_ms > ?1)
           AS running,
         (SELECT ifnull(min(started_ms), 0) FROM tasks) AS oldest, (SELECT ifnull(sum(bytes), 0) FROM profiles) AS bytes`,
    ).get(nowMs);
    return {
      tasks: Number(row?.tasks),
      running: Number(row?.running),
      oldestMs: Number(row?.oldest),
      profileBytes: Number(row?.bytes),
    };
  }
}
