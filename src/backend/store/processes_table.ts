import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { compileTarget, type Target } from "../../model/target.ts";
import type { ProcessQuery, ProcessRow, ReportItem, StoredProcess, StoredService } from "./store.ts";

const orders = {
  cpu: "cpu DESC, p.number",
  service: "p.service, p.instance, p.pid",
  name: "p.name, p.pid",
  pid: "p.pid, p.agent_id",
  threads: "threads DESC, p.number",
} as const;

/** Columns that an order needs beside the common ones. */
const sortKeys = {
  cpu: "0",
  service: "p.service, p.instance",
  name: "p.name",
  pid: "0",
  threads: "0",
} as const;

const targetColumns = ["service", "instance", "exe", "cgroup", "host"] as const;

/** The inventory. What changes every few seconds (CPU, threads) is in memory only and comes anew after a restart. */
export class ProcessesTable {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #end: StatementSync;
  readonly #endOthers: StatementSync;
  readonly #addUse: StatementSync;
  readonly #use: StatementSync;
  readonly #dropUse: StatementSync;
  readonly #dropOtherUses: StatementSync;
  readonly #busiest: StatementSync;
  readonly #services: StatementSync;
  readonly #countInstances: StatementSync;
  /** Instances of each service; undefined after the inventory changed. */
  #instances: ReadonlyMap<string, number> | undefined;

  constructor(database: DatabaseSync) {
    this.#database = database;
    // A row for each living process, and no other.
    database.exec(`CREATE TEMP TABLE uses (
        number INTEGER PRIMARY KEY, cpu REAL NOT NULL, threads INTEGER NOT NULL
      );
      CREATE INDEX temp.uses_cpu ON uses (cpu);
      INSERT INTO uses SELECT number, 0, 0 FROM processes WHERE ended_ms = 0`);
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
    this.#addUse = database.prepare(
      "INSERT OR IGNORE INTO uses SELECT number, 0, 0 FROM processes WHERE id = ? AND agent_id = ?",
    );
    this.#use = database.prepare(
      "UPDATE uses SET cpu = ?2, threads = ?3 WHERE number = " +
        "(SELECT number FROM processes WHERE id = ?1 AND agent_id = ?4)",
    );
    this.#busiest = database.prepare(
      `SELECT p.id, p.agent_id, p.host, p.ended_ms, p.data, u.cpu, u.threads, (SELECT count(*) FROM uses) AS total
       FROM uses u CROSS JOIN processes p ON p.number = u.number ORDER BY u.cpu DESC, u.number LIMIT ? OFFSET ?`,
    );
    this.#dropUse = database.prepare(
      "DELETE FROM uses WHERE number = (SELECT number FROM processes WHERE id = ? AND agent_id = ?)",
    );
    this.#dropOtherUses = database.prepare(
      "DELETE FROM uses WHERE number IN " +
        "(SELECT number FROM processes WHERE agent_id = ? AND ended_ms = 0 AND id NOT IN reported)",
    );
    this.#services = database.prepare(
      `SELECT p.service, count(*) AS processes, sum(u.cpu) AS cpu,
         (SELECT count(DISTINCT task_id) FROM task_processes t WHERE t.service = p.service) AS tasks
       FROM processes p INDEXED BY processes_service CROSS JOIN uses u ON u.number = p.number WHERE p.ended_ms = 0
       GROUP BY p.service ORDER BY cpu DESC, p.service LIMIT 1000`,
    );
    this.#countInstances = database.prepare(
      `SELECT service, count(*) AS instances FROM (
         SELECT DISTINCT service, agent_id, instance FROM processes INDEXED BY processes_service WHERE ended_ms = 0
       ) GROUP BY service`,
    );
  }

  /** Applies what appeared, changed or went, within the current transaction. */
  apply(agentId: string, delta: ReportItem & { kind: "inventory" }): void {
    if (delta.full || delta.changed.length > 0 || delta.gone.length > 0) this.#instances = undefined;
    if (delta.full) {
      this.#database.exec("DELETE FROM reported");
      const insert = this.#database.prepare("INSERT OR IGNORE INTO reported VALUES (?)");
      for (const { id } of delta.changed) insert.run(id);
      this.#dropOtherUses.run(agentId);
      this.#endOthers.run(delta.atMs, agentId);
    }
    for (const row of delta.changed) this.#putRow(agentId, row);
    for (const id of delta.gone) {
      this.#dropUse.run(id, agentId);
      this.#end.run(delta.atMs, id, agentId);
    }
    for (const { id, cpuPercent, threads } of delta.uses) this.#use.run(id, cpuPercent, threads, agentId);
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
    // What the overview and the first page ask for need not look at every process.
    const all = conditions.length === 1 && !query.includeEnded && query.order === "cpu";
    // One pass finds and counts; only the page's rows are read whole.
    const rows = all ? this.#busiest.all(query.limit, query.offset) : this.#database.prepare(
      `WITH found AS MATERIALIZED (
         SELECT p.number, p.pid, p.agent_id, p.ended_ms, ${sortKeys[query.order]},
           ifnull(u.cpu, 0) AS cpu, ifnull(u.threads, 0) AS threads
         FROM processes p LEFT JOIN uses u ON u.number = p.number WHERE ${conditions.join(" AND ")}
       ), page AS MATERIALIZED (
         SELECT * FROM found p ORDER BY p.ended_ms > 0, ${orders[query.order]} LIMIT ? OFFSET ?
       )
       SELECT p.id, p.agent_id, p.host, p.ended_ms, p.data, page.cpu, page.threads,
         (SELECT count(*) FROM found) AS total
       FROM page CROSS JOIN processes p ON p.number = page.number`,
    ).all(...values, query.limit, query.offset);
    if (rows.length > 0 || query.offset === 0) {
      return { rows: rows.map(toProcess), total: Number(rows[0]?.total ?? 0) };
    }
    return { rows: [], total: this.list({ ...query, offset: 0, limit: 1 }).total };
  }

  /** Living processes that a target matches; the listed ones busiest first. */
  match(target: Target, limit: number): { rows: StoredProcess[]; total: number } {
    const matches = compileTarget(target);
    // Only the columns that the target looks at are read: this goes over all processes.
    const wanted = ["id", ...targetColumns.filter((column) => target[column] !== undefined)];
    if (Object.keys(target.labels).length > 0) wanted.push("labels");
    const read = this.#database.prepare(`SELECT ${wanted.join(", ")} FROM processes WHERE ended_ms = 0`);
    const ids: string[] = [];
    let total = 0;
    for (const row of read.iterate()) {
      if (!matches(toModel(row), String(row.host))) continue;
      if (total++ < limit) ids.push(String(row.id));
    }
    const query = { ids, order: "cpu" as const, offset: 0, limit, includeEnded: false };
    return { rows: this.list(query).rows, total };
  }

  /** Services of living processes, busiest first. */
  services(): StoredService[] {
    this.#instances ??= new Map(
      this.#countInstances.all().map((row) => [String(row.service), Number(row.instances)]),
    );
    const instances = this.#instances;
    return this.#services.all().map((row) => ({
      service: String(row.service),
      instances: instances.get(String(row.service)) ?? 0,
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
    this.#addUse.run(id, agentId);
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

/** What of a process a target may look at; columns that it does not look at are absent. */
function toModel(row: Record<string, unknown>) {
  return {
    id: String(row.id),
    pid: 0,
    parentPid: 0,
    startBootNs: 0,
    name: "",
    exe: String(row.exe),
    service: String(row.service),
    instance: String(row.instance),
    cgroup: String(row.cgroup),
    uid: 0,
    containerId: "",
    labels: row.labels === undefined ? {} : JSON.parse(String(row.labels)) as Record<string, string>,
  };
}
