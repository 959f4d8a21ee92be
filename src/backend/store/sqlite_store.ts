import type { DatabaseSync } from "node:sqlite";
import type { Target } from "../../model/target.ts";
import { AgentsTable } from "./agents_table.ts";
import { openDatabase, transact } from "./database.ts";
import { HttpTable } from "./http_table.ts";
import { MetricReader } from "./metric_reader.ts";
import { MetricWriter } from "./metric_writer.ts";
import { NetworkEndsTable } from "./network_ends_table.ts";
import { PoliciesTable } from "./policies_table.ts";
import { ProcessesTable } from "./processes_table.ts";
import { Retention, type RetentionLimits } from "./retention.ts";
import { SeriesTable } from "./series_table.ts";
import type {
  MetricQuery,
  ProcessQuery,
  ReportBatch,
  ReportItem,
  SeriesKey,
  Store,
  StoreSizes,
  TaskQuery,
} from "./store.ts";
import { describeDatabaseError, StoreError } from "./store_error.ts";
import { TasksTable } from "./tasks_table.ts";

/** The store's methods without promises: what runs in the worker. */
export type SyncStore = {
  [K in keyof Store]: (...args: Parameters<Store[K]>) => Awaited<ReturnType<Store[K]>>;
};

export interface SqliteStoreOptions {
  /** File, or ":memory:". */
  readonly path: string;
  readonly limits: RetentionLimits;
  readonly nowMs: number;
}

const retentionPauseMs = 60_000;
const fullPauseMs = 2_000;

/** The store on SQLite. Every call blocks its thread, so it lives in a worker. */
export class SqliteStore implements SyncStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #agents: AgentsTable;
  readonly #processes: ProcessesTable;
  readonly #series: SeriesTable;
  readonly #writer: MetricWriter;
  readonly #reader: MetricReader;
  readonly #http: HttpTable;
  readonly #tasks: TasksTable;
  readonly #networkEnds: NetworkEndsTable;
  readonly #policies: PoliciesTable;
  readonly #retention: Retention;
  #synchronousFull = false;
  #full = false;
  #retentionAtMs = 0;
  #retryAtMs = 0;

  /** @throws {StoreError} */
  constructor({ path, limits, nowMs }: SqliteStoreOptions) {
    this.#path = path;
    this.#database = openDatabase(path);
    try {
      this.#agents = new AgentsTable(this.#database);
      this.#processes = new ProcessesTable(this.#database);
      this.#series = new SeriesTable(this.#database);
      this.#writer = new MetricWriter(this.#database, this.#series, nowMs);
      this.#reader = new MetricReader(this.#database, this.#series, this.#writer);
      this.#http = new HttpTable(this.#database);
      this.#tasks = new TasksTable(this.#database);
      this.#networkEnds = new NetworkEndsTable(this.#database);
      this.#policies = new PoliciesTable(this.#database);
      this.#retention = new Retention(this.#database, this.#series, limits);
    } catch (error) {
      this.#database.close();
      throw describeDatabaseError(error, path);
    }
  }

  putReport(batch: ReportBatch): number {
    const durable = batch.items.some(({ item }) => item.kind === "task" || item.kind === "profile");
    return this.#write(durable, () => {
      const afterCommit: (() => void)[] = [];
      const highest = transact(this.#database, () => {
        const stored = this.#agents.sequence(batch.agentId);
        this.#agents.put(batch);
        for (const { sequence, item } of batch.items) {
          if (sequence > stored) this.#apply(batch, item, afterCommit);
        }
        return Math.max(stored, batch.lastSequence);
      });
      for (const apply of afterCommit) apply();
      return highest;
    });
  }

  listAgents() {
    return this.#agents.list();
  }

  listProcesses(query: ProcessQuery) {
    return this.#processes.list(query);
  }

  matchProcesses(target: Target, limit: number) {
    return this.#processes.match(target, limit);
  }

  listServices() {
    return this.#processes.services();
  }

  listSeries(agentId: string, processId: string) {
    return this.#series.list(agentId, processId);
  }

  queryMetrics(query: MetricQuery) {
    return this.#reader.query(query);
  }

  newestValues(series: readonly (SeriesKey & { readonly agentId: string })[], nowMs: number) {
    return series.map((key) => this.#reader.newest(key.agentId, key, nowMs));
  }

  listHttp(processIds: readonly string[], limit: number) {
    return this.#http.list(processIds, limit);
  }

  listTasks(query: TaskQuery) {
    return this.#tasks.list(query);
  }

  getTask(id: string) {
    return this.#tasks.get(id);
  }

  readChunks(taskId: string, kind: number, from: number) {
    return this.#tasks.readChunks(taskId, kind, from);
  }

  listFarEnds(taskId: string) {
    return this.#networkEnds.listFar(taskId);
  }

  countTrips(policy?: string) {
    return this.#tasks.countTrips(policy);
  }

  listRefusals(limit: number, of?: { processId: string } | { policy: string }) {
    return this.#tasks.listRefusals(limit, of);
  }

  listPolicies() {
    return this.#policies.list();
  }

  listPolicyVersions(name: string) {
    return this.#policies.versions(name);
  }

  savePolicies(
    policies: readonly { name: string; source: string; change?: "paused" | "resumed" }[],
    atMs: number,
    expectedVersion?: number,
  ) {
    return this.#write(true, () => this.#policies.save(policies, atMs, expectedVersion));
  }

  deletePolicy(name: string, atMs: number) {
    return this.#write(true, () => this.#policies.delete(name, atMs));
  }

  sizes(nowMs: number): StoreSizes {
    const count = (sql: string): number => Number(this.#database.prepare(sql).get()?.n);
    const { tasks, running, oldestMs, profileBytes } = this.#tasks.count(nowMs);
    return {
      databaseBytes: count("SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size"),
      profileBytes,
      oldestTaskMs: oldestMs,
      tasks,
      runningTasks: running,
      liveProcesses: count("SELECT count(*) AS n FROM processes WHERE ended_ms = 0"),
      series: count("SELECT count(*) AS n FROM series"),
      journalEntries: this.#writer.journalEntries,
      full: this.#full,
    };
  }

  close(): void {
    this.#database.close();
  }

  /** Does one short piece of background work; true when more waits. */
  work(nowMs: number): boolean {
    if (isWithin(nowMs, this.#retryAtMs, fullPauseMs)) return false;
    try {
      if (this.#writer.step(nowMs)) return true;
      if (isWithin(nowMs, this.#retentionAtMs, retentionPauseMs)) return false;
      if (this.#retention.step(nowMs)) return true;
      this.#retentionAtMs = nowMs + retentionPauseMs;
      return false;
    } catch (error) {
      this.#retryAtMs = nowMs + fullPauseMs;
      throw this.#noteFull(error);
    }
  }

  #apply(batch: ReportBatch, item: ReportItem, afterCommit: (() => void)[]): void {
    const { agentId, atMs } = batch;
    switch (item.kind) {
      case "status":
        return this.#agents.putStatus(agentId, item.data);
      case "inventory":
        return this.#processes.apply(agentId, item);
      case "metrics":
        afterCommit.push(this.#writer.append(agentId, item, atMs));
        return;
      case "task":
        return this.#tasks.put(agentId, item.task);
      case "profile":
        this.#tasks.putChunk(item);
        return this.#networkEnds.put(item);
      case "refusal":
        return this.#tasks.putRefusal(agentId, item);
      case "http":
        return this.#http.put(agentId, item);
    }
  }

  /** Runs a write; `durable` ones are flushed to the disk before they are confirmed. */
  #write<T>(durable: boolean, body: () => T): T {
    if (durable !== this.#synchronousFull) {
      this.#database.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
      this.#synchronousFull = durable;
    }
    try {
      const result = body();
      this.#full = false;
      return result;
    } catch (error) {
      this.#series.forget();
      throw this.#noteFull(error);
    }
  }

  #noteFull(error: unknown): unknown {
    const described = describeDatabaseError(error, this.#path);
    if (described instanceof StoreError && described.kind === "full") this.#full = true;
    return described;
  }
}

/** Whether a pause goes on; one that seems longer than it was is over, because the clock was set back. */
function isWithin(nowMs: number, endMs: number, pauseMs: number): boolean {
  return nowMs < endMs && endMs - nowMs <= pauseMs;
}
