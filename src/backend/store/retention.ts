import type { DatabaseSync } from "node:sqlite";
import { transact } from "./database.ts";
import { decodeHour, encodeHour, joinSummaries, summarizeMinute } from "./hour_blob.ts";
import { decodeMinute, slotsPerMinute } from "./minute_blob.ts";
import type { SeriesTable } from "./series_table.ts";

/** How long and how much is kept. */
export interface RetentionLimits {
  readonly perSecondHours: number;
  readonly minuteDays: number;
  readonly taskDays: number;
  readonly profileBytes: number;
}

/** What is kept unless configured otherwise. */
export const defaultRetention: RetentionLimits = {
  perSecondHours: 24,
  minuteDays: 30,
  taskDays: 30,
  profileBytes: 10 * 1024 ** 3,
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const seriesPerStep = 25;
const rowsPerStep = 200;
const chunksPerStep = 16;
/** Five minutes of 800 sides of processes; with 64 paths of 128 bytes each a row takes 10 KB, so 250 MB at worst. */
const httpRowsKept = 25_000;
const freePagesKept = 4096;
/** PROFILE_KIND_NETWORK of the wire. */
const networkKind = 3;

/** Sums up and deletes what is too old, oldest first, one short transaction a call. */
export class Retention {
  readonly #database: DatabaseSync;
  readonly #series: SeriesTable;
  readonly #limits: RetentionLimits;

  constructor(database: DatabaseSync, series: SeriesTable, limits: RetentionLimits) {
    this.#database = database;
    this.#series = series;
    this.#limits = limits;
  }

  /** Does one piece of work; false when nothing is left to do. */
  step(nowMs: number): boolean {
    return this.#sumUpMinutes(nowMs) || this.#deleteHours(nowMs) || this.#deleteSeries(nowMs) ||
      this.#deleteTask(nowMs) || this.#deleteRows(nowMs) || this.#returnPages();
  }

  #sumUpMinutes(nowMs: number): boolean {
    const oldest = this.#database.prepare("SELECT min(minute) AS minute FROM metric_minutes").get()?.minute;
    if (oldest === undefined || oldest === null) return false;
    const hour = Math.floor(Number(oldest) / 60);
    if ((hour + 1) * hourMs > nowMs - this.#limits.perSecondHours * hourMs) return false;
    const series = this.#database
      .prepare("SELECT series FROM metric_minutes WHERE minute = ? ORDER BY series LIMIT ?")
      .all(oldest, seriesPerStep);
    transact(this.#database, () => series.forEach((row) => this.#sumUp(hour, Number(row.series))));
    return true;
  }

  #sumUp(hour: number, series: number): void {
    const read = this.#database.prepare("SELECT data FROM metric_minutes WHERE minute = ? AND series = ?");
    const remove = this.#database.prepare("DELETE FROM metric_minutes WHERE minute = ? AND series = ?");
    const stored = this.#database.prepare("SELECT data FROM metric_hours WHERE hour = ? AND series = ?")
      .get(hour, series)?.data;
    const minutes = stored === undefined ? new Map() : decodeHour(stored as Uint8Array);
    const values = new Float32Array(slotsPerMinute);
    const states = new Uint8Array(slotsPerMinute);
    for (let minute = hour * 60; minute < (hour + 1) * 60; minute++) {
      const data = read.get(minute, series)?.data;
      if (data === undefined) continue;
      decodeMinute(data as Uint8Array, values, states);
      const summary = summarizeMinute(values, states);
      if (summary) minutes.set(minute - hour * 60, joinSummaries(minutes.get(minute - hour * 60), summary));
      remove.run(minute, series);
    }
    this.#database.prepare("INSERT OR REPLACE INTO metric_hours VALUES (?, ?, ?)")
      .run(hour, series, encodeHour(minutes));
    this.#database.prepare("UPDATE series SET last_hour = max(last_hour, ?) WHERE id = ?").run(hour, series);
  }

  #deleteHours(nowMs: number): boolean {
    const before = Math.floor((nowMs - this.#limits.minuteDays * dayMs) / hourMs);
    return this.#delete(
      `DELETE FROM metric_hours WHERE (hour, series) IN
        (SELECT hour, series FROM metric_hours WHERE hour < ? ORDER BY hour, series LIMIT ${rowsPerStep})`,
      before,
    );
  }

  /** A series goes after its last summary; while it still has minutes its last hour is at most a day behind. */
  #deleteSeries(nowMs: number): boolean {
    const { minuteDays, perSecondHours } = this.#limits;
    const before = Math.floor((nowMs - minuteDays * dayMs) / hourMs) - perSecondHours - 1;
    const deleted = this.#delete(
      `DELETE FROM series WHERE id IN (SELECT id FROM series WHERE last_hour < ?1 AND NOT EXISTS
        (SELECT 1 FROM metric_hours WHERE hour >= ?1 AND series = series.id) LIMIT 20)`,
      before,
    );
    if (deleted) this.#series.forget();
    return deleted;
  }

  #deleteTask(nowMs: number): boolean {
    const tooOld = nowMs - this.#limits.taskDays * dayMs;
    const profile = this.#database
      .prepare("SELECT task_id, kind, start_ms FROM profiles ORDER BY start_ms LIMIT 1").get();
    if (profile !== undefined && (Number(profile.start_ms) < tooOld || this.#profilesTooLarge())) {
      this.#deleteChunks(String(profile.task_id), Number(profile.kind));
      return true;
    }
    const task = this.#database.prepare(
      "SELECT id FROM tasks WHERE started_ms < ? ORDER BY started_ms LIMIT 1",
    )
      .get(tooOld);
    if (task === undefined) return false;
    transact(this.#database, () => this.#deleteTaskRows(String(task.id)));
    return true;
  }

  #profilesTooLarge(): boolean {
    const total = this.#database.prepare("SELECT ifnull(sum(bytes), 0) AS bytes FROM profiles").get()?.bytes;
    return Number(total) > this.#limits.profileBytes;
  }

  /** Deletes some chunks of a profile; with the last of its task's profiles the task goes too. */
  #deleteChunks(taskId: string, kind: number): void {
    transact(this.#database, () => {
      this.#database.prepare(
        `DELETE FROM profile_chunks WHERE number IN
          (SELECT number FROM profile_chunks WHERE task_id = ? AND kind = ? ORDER BY chunk LIMIT ${chunksPerStep})`,
      ).run(taskId, kind);
      const left = this.#database.prepare(
        "SELECT sum(length(data)) AS bytes FROM profile_chunks WHERE task_id = ? AND kind = ?",
      ).get(taskId, kind)?.bytes;
      if (left !== null && left !== undefined) {
        this.#database.prepare("UPDATE profiles SET bytes = ? WHERE task_id = ? AND kind = ?")
          .run(Number(left), taskId, kind);
        return;
      }
      this.#database.prepare("DELETE FROM profiles WHERE task_id = ? AND kind = ?").run(taskId, kind);
      if (kind === networkKind) {
        this.#database.prepare("DELETE FROM network_ends WHERE task_id = ?").run(taskId);
      }
      const others = this.#database.prepare("SELECT 1 FROM profiles WHERE task_id = ?").get(taskId);
      if (others === undefined) this.#deleteTaskRows(taskId);
    });
  }

  #deleteTaskRows(taskId: string): void {
    this.#database.prepare("DELETE FROM task_processes WHERE task_id = ?").run(taskId);
    this.#database.prepare("DELETE FROM tasks WHERE id = ?").run(taskId);
  }

  #deleteRows(nowMs: number): boolean {
    const before = nowMs - this.#limits.taskDays * dayMs;
    return this.#delete(
      `DELETE FROM refusals WHERE number IN
        (SELECT number FROM refusals WHERE last_ms < ? ORDER BY last_ms LIMIT ${rowsPerStep})`,
      before,
    ) || this.#delete(
      `DELETE FROM processes WHERE number IN
        (SELECT number FROM processes WHERE ended_ms > 0 AND ended_ms < ? ORDER BY ended_ms LIMIT ${rowsPerStep})`,
      before,
    ) || this.#deleteAgents(before) || this.#deleteHttp(nowMs);
  }

  /** The newest HTTP records of ended processes are kept as long as their seconds, and no more rows than a bound in all. */
  #deleteHttp(nowMs: number): boolean {
    return this.#delete(
      `DELETE FROM http_traffic WHERE number IN
        (SELECT number FROM http_traffic WHERE start_ms < ? ORDER BY start_ms LIMIT ${rowsPerStep})`,
      nowMs - this.#limits.perSecondHours * hourMs,
    ) || this.#delete(
      `DELETE FROM http_traffic WHERE number IN (SELECT number FROM http_traffic
        WHERE number <= (SELECT max(number) FROM http_traffic) - ? ORDER BY number LIMIT ${rowsPerStep})`,
      httpRowsKept,
    );
  }

  #deleteAgents(before: number): boolean {
    return transact(this.#database, () => {
      const gone = this.#database.prepare("DELETE FROM agents WHERE last_seen_ms < ? RETURNING id").all(
        before,
      );
      const dropUses = this.#database.prepare(
        "DELETE FROM uses WHERE number IN (SELECT number FROM processes WHERE agent_id = ? AND ended_ms = 0)",
      );
      const end = this.#database.prepare(
        "UPDATE processes SET ended_ms = ? WHERE agent_id = ? AND ended_ms = 0",
      );
      for (const { id } of gone) {
        dropUses.run(String(id));
        end.run(before, String(id));
      }
      return gone.length > 0;
    });
  }

  #delete(sql: string, before: number): boolean {
    return Number(this.#database.prepare(sql).run(before).changes) > 0;
  }

  /** Gives some of a large amount of free pages back to the file system. */
  #returnPages(): boolean {
    const free = Number(this.#database.prepare("PRAGMA freelist_count").get()?.freelist_count);
    const pages = Number(this.#database.prepare("PRAGMA page_count").get()?.page_count);
    if (free <= Math.max(freePagesKept, pages / 4)) return false;
    this.#database.exec("PRAGMA incremental_vacuum(256)");
    return true;
  }
}
