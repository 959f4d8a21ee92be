import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { compileTarget, type Target } from "../../model/target.ts";
import type { ProcessQuery, ProcessRow, ReportItem, StoredProcess, StoredService } from "./store.ts";

const columns = "p.id, p.agent_id, p.host, p.ended_ms, p.data, ifnull(u.cpu, 0) AS cpu, ifnull(u.threads, 0) AS threads";
const orders = {
  cpu: "cpu DESC, p.number",
  service: "p.service, p.instance, p.pid",
  name: "p.name, p.pid",
  pid: "p.pid, p.agent_id",
  threads: "threads DESC, p.number",
} as const;

/** The inventory. What changes every few seconds (CPU, threads) is in memory only and comes anew after a restart. */
export class ProcessesTable {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #end: StatementSync;
  readonly #endOthers: StatementSync;
  readonly #use: StatementSync;
  readonly #dropUses: StatementSync;
  readonly #services: StatementSync;
  readonly #live: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec("CREATE TEMP TABLE uses (number INTEGER PRIMARY KEY, cpu REAL NOT NULL, threads INTEGER NOT NULL)");
    database.exec("CREATE TEMP TABLE reported (id TEXT PRIMARY KEY) WITHOUT ROWID");
    this.#put = database.prepare(
      `INSERT INTO processes (id, agent_id, host, pid, name, exe, service, instance, cgroup, labels, ended_ms, search, data)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12)
       ON CONFLICT (id) DO UPDATE SET host = ?3, pid = ?4, name = ?5, exe = ?6, service = ?7, instance = ?8,
         cgroup = ?9, labels = ?10, ended_ms = 0, search = ?11, data = ?12 WHERE agent_id = ?2`,
    );
    this.#end = database.prepare(
      "UPDATE processes SET ended_ms = ? WHERE id = ? AND agent_id = ? AND ended_ms = 0",
    );
    this.#endOthers = database.prepare(
      "UPDATE processes SET ended_ms = ? WHERE agent_id = ? AND ended_ms = 0 AND id NOT IN reported",
    );
    this.#use = database.prepare(
      "INSERT OR REPLACE INTO uses SELECT number, ?2, ?3 FROM processes WHERE id = ?1 AND agent_id = ?4",
    );
    this.#dropUses = database.prepare(
      "DELETE FROM uses WHERE number IN (SELECT number FROM processes WHERE agent_id = ? AND ended_ms = ?)",
    );
    this.#services = database.prepare(
      `SELECT p.service, count(DISTINCT p.agent_id || '/' || p.instance) AS instances, count(*) AS processes,
         sum(ifnull(u.cpu, 0)) AS cpu,
         (SELECT count(DISTINCT task_id) FROM task_processes t WHERE t.service = p.service) AS tasks
       FROM processes p LEFT JOIN uses u ON u.number = p.number WHERE p.ended_ms = 0
       GROUP BY p.service ORDER BY cpu DESC, p.service LIMIT 1000`,
    );
    this.#live = database.prepare(
      `SELECT ${columns}, p.pid, p.name, p.exe, p.service, p.instance, p.cgroup, p.labels
       FROM processes p LEFT JOIN uses u ON u.number = p.number WHERE p.ended_ms = 0 ORDER BY ${orders.cpu}`,
    );
  }

  /** Applies what appeared, changed or went, within the current transaction. */
  apply(agentId: string, delta: ReportItem & { kind: "inventory" }): void {
    if (delta.full) {
      this.#database.exec("DELETE FROM reported");
      const insert = this.#database.prepare("INSERT OR IGNORE INTO reported VALUES (?)");
      for (const { id } of delta.changed) insert.run(id);
      this.#endOthers.run(delta.atMs, agentId);
    }
    for (const row of delta.changed) this.#putRow(agentId, row);
    for (const id of delta.gone) this.#end.run(delta.atMs, id, agentId);
    for (const { id, cpuPercent, threads } of delta.uses) this.#use.run(id, cpuPercent, threads, agentId);
    if (delta.full || delta.gone.length > 0) this.#dropUses.run(agentId, delta.atMs);
  }

  /** One page of the inventory. */
  list(query: ProcessQuery): { rows: StoredProcess[]; total: number } {
    const conditions = query.includeEnded ? ["1"] : ["p.ended_ms = 0"];
    const values: SQLInputValue[] = [];
    for (const word of (query.search ?? "").toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8)) {
      conditions.push("instr(p.search, ?)");
      values.push(word);
    }
    if (query.service) {
      conditions.push("p.service = ?");
      values.push(query.service);
    }
    if (query.agentId) {
      conditions.push("p.agent_id = ?");
      values.push(query.agentId);
    }
    if (query.ids) {
      conditions.push("p.id IN (SELECT value FROM json_each(?))");
      values.push(JSON.stringify(query.ids));
    }
    const where = conditions.join(" AND ");
    const count = this.#database.prepare(`SELECT count(*) AS total FROM processes p WHERE ${where}`).get(...values);
    const rows = this.#database.prepare(
      `SELECT ${columns} FROM processes p LEFT JOIN uses u ON u.number = p.number WHERE ${where}
       ORDER BY p.ended_ms > 0, ${orders[query.order]} LIMIT ? OFFSET ?`,
    ).all(...values, query.limit, query.offset);
    return { rows: rows.map(toProcess), total: Number(count?.total) };
  }

  /** Living processes that a target matches, busiest first. */
  match(target: Target, limit: number): { rows: StoredProcess[]; total: number } {
    const matches = compileTarget(target);
    const rows: StoredProcess[] = [];
    let total = 0;
    for (const row of this.#live.iterate()) {
      const { process, host } = toModel(row);
      if (!matches(process, host)) continue;
      if (total++ < limit) rows.push(toProcess(row));
    }
    return { rows, total };
  }

  /** Services of living processes, busiest first. */
  services(): StoredService[] {
    return this.#services.all().map((row) => ({
      service: String(row.service),
      instances: Number(row.instances),
      processes: Number(row.processes),
      cpuPercent: Number(row.cpu),
      tasks: Number(row.tasks),
    }));
  }

  #putRow(agentId: string, row: ProcessRow): void {
    const search = [row.name, row.exe, row.service, row.instance, row.host, row.pid].join("\n").toLowerCase();
    const { id, host, pid, name, exe, service, instance, cgroup, data } = row;
    const labels = JSON.stringify(row.labels);
    this.#put.run(id, agentId, host, pid, name, exe, service, instance, cgroup, labels, search, data);
  }
}

function toProcess(row: Record<string, unknown>): StoredProcess {
  return {
    id: String(row.id),
    agentId: String(row.agent_id),
    host: String(row.host),
    cpuPercent: Number(row.cpu),
    threads: Number(row.threads),
    endedAtMs: Number(row.ended_ms),
    data: row.data as Uint8Array,
  };
}

function toModel(row: Record<string, unknown>) {
  const process = {
    id: String(row.id),
    pid: Number(row.pid),
    parentPid: 0,
    startBootNs: 0,
    name: String(row.name),
    exe: String(row.exe),
    service: String(row.service),
    instance: String(row.instance),
    cgroup: String(row.cgroup),
    uid: 0,
    containerId: "",
    labels: JSON.parse(String(row.labels)) as Record<string, string>,
  };
  return { process, host: String(row.host) };
}
