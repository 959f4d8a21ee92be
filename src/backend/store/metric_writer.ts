import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transact } from "./database.ts";
import { decodeJournalEntry, encodeJournalEntry, type JournalEntry } from "./journal_entry.ts";
import { decodeMinute, encodeMinute, slotsPerMinute } from "./minute_blob.ts";
import { MinuteTable } from "./minute_table.ts";
import type { SeriesTable } from "./series_table.ts";
import type { ReportItem } from "./store.ts";

const graceMs = 15_000;
const quietMs = 8_000;
const openLimit = 32;
const rowsPerStep = 250;
const entriesPerStep = 100;

interface Packing {
  readonly table: MinuteTable;
  readonly series: readonly number[];
  rowsDone: number;
  entriesDone: number;
}

/**
 * Takes metric columns and packs them into one blob per (series, minute).
 *
 * A report's columns are journaled as they come, one row a report, so what is acknowledged is on disk at the cost of
 * one insert. Their minutes fill in memory, are packed in small transactions once nothing more is expected of them,
 * and the journal's rows go when all their minutes are packed. A restart reads the journal back. Packing the same
 * slots twice changes nothing, so a kill between two of these steps loses and doubles nothing.
 */
export class MetricWriter {
  readonly #database: DatabaseSync;
  readonly #series: SeriesTable;
  readonly #journal: StatementSync;
  readonly #forgetEntry: StatementSync;
  readonly #insertMinute: StatementSync;
  readonly #readMinute: StatementSync;
  readonly #replaceMinute: StatementSync;
  readonly #open = new Map<number, MinuteTable>();
  /** Minutes that each journal entry still waits for. */
  readonly #waiting = new Map<number, number>();
  #packing: Packing | undefined;

  constructor(database: DatabaseSync, series: SeriesTable, nowMs: number) {
    this.#database = database;
    this.#series = series;
    this.#journal = database.prepare("INSERT INTO metric_journal (data) VALUES (?)");
    this.#forgetEntry = database.prepare("DELETE FROM metric_journal WHERE id = ?");
    this.#insertMinute = database.prepare("INSERT OR IGNORE INTO metric_minutes VALUES (?, ?, ?)");
    this.#readMinute = database.prepare("SELECT data FROM metric_minutes WHERE minute = ? AND series = ?");
    this.#replaceMinute = database.prepare(
      "UPDATE metric_minutes SET data = ? WHERE minute = ? AND series = ?",
    );
    this.#restore(nowMs);
  }

  /** Entries of the journal that wait to be packed. */
  get journalEntries(): number {
    return this.#waiting.size;
  }

  /** Journals within the current transaction; call the result once it is committed. */
  append(agentId: string, item: ReportItem & { kind: "metrics" }, nowMs: number): () => void {
    const hour = Math.floor(item.startSecond / 3600);
    const series = Uint32Array.from(item.series, (key) => this.#series.need(agentId, key, hour));
    const { startSecond, seconds, values, states } = item;
    const entry: JournalEntry = { startSecond, seconds, series, values, states };
    const id = Number(this.#journal.run(encodeJournalEntry(entry)).lastInsertRowid);
    return () => this.#fill(id, entry, nowMs);
  }

  /** Lays what is not packed yet over the given arrays of 60. */
  overlay(minute: number, series: number, values: Float32Array, states: Uint8Array): void {
    if (this.#packing?.table.minute === minute) this.#packing.table.overlay(series, values, states);
    this.#open.get(minute)?.overlay(series, values, states);
  }

  /** Does one short piece of packing; true when more is to be done at once. */
  step(nowMs: number): boolean {
    this.#packing ??= this.#choose(nowMs);
    if (this.#packing === undefined) return false;
    if (this.#packing.rowsDone < this.#packing.series.length) this.#packRows(this.#packing);
    else this.#forgetEntries(this.#packing);
    return true;
  }

  #restore(nowMs: number): void {
    for (const row of this.#database.prepare("SELECT id, data FROM metric_journal ORDER BY id").iterate()) {
      const entry = decodeJournalEntry(row.data as Uint8Array);
      if (entry !== undefined) this.#fill(Number(row.id), entry, nowMs);
    }
  }

  #fill(id: number, entry: JournalEntry, nowMs: number): void {
    const { startSecond, seconds, series, values, states } = entry;
    let from = 0;
    let minutes = 0;
    while (from < seconds) {
      const minute = Math.floor((startSecond + from) / slotsPerMinute);
      const to = Math.min(seconds, (minute + 1) * slotsPerMinute - startSecond);
      const slot = startSecond + from - minute * slotsPerMinute;
      const table = this.#table(minute);
      table.journalIds.push(id);
      table.touchedAtMs = nowMs;
      for (let index = 0; index < series.length; index++) {
        const row = table.row(series[index] ?? 0);
        const column = index * seconds;
        for (let second = from; second < to; second++) {
          table.write(row, slot + second - from, values[column + second] ?? 0, states[column + second] ?? 0);
        }
      }
      minutes++;
      from = to;
    }
    this.#waiting.set(id, minutes);
  }

  #table(minute: number): MinuteTable {
    let table = this.#open.get(minute);
    if (table === undefined) {
      table = new MinuteTable(minute);
      this.#open.set(minute, table);
    }
    return table;
  }

  /** The oldest minute that is over and quiet, or the oldest of too many (an agent that catches up). */
  #choose(nowMs: number): Packing | undefined {
    let oldest: MinuteTable | undefined;
    for (const table of this.#open.values()) {
      const over = (table.minute + 1) * 60_000 + graceMs <= nowMs && table.touchedAtMs + quietMs <= nowMs;
      if (!over && this.#open.size <= openLimit) continue;
      if (oldest === undefined || table.minute < oldest.minute) oldest = table;
    }
    if (oldest === undefined) return undefined;
    this.#open.delete(oldest.minute);
    return { table: oldest, series: oldest.series, rowsDone: 0, entriesDone: 0 };
  }

  #packRows(packing: Packing): void {
    const { table, series, rowsDone } = packing;
    const end = Math.min(series.length, rowsDone + rowsPerStep);
    const values = new Float32Array(slotsPerMinute);
    const states = new Uint8Array(slotsPerMinute);
    transact(this.#database, () => {
      for (let index = rowsDone; index < end; index++) {
        const number = series[index] ?? 0;
        values.fill(0);
        states.fill(0);
        table.overlay(number, values, states);
        if (this.#insertMinute.run(table.minute, number, encodeMinute(values, states)).changes) continue;
        const stored = this.#readMinute.get(table.minute, number)?.data as Uint8Array;
        decodeMinute(stored, values, states);
        table.overlay(number, values, states);
        this.#replaceMinute.run(encodeMinute(values, states), table.minute, number);
      }
    });
    packing.rowsDone = end;
  }

  #forgetEntries(packing: Packing): void {
    const ids = packing.table.journalIds.slice(packing.entriesDone, packing.entriesDone + entriesPerStep);
    const over = ids.filter((id) => this.#waiting.get(id) === 1);
    transact(this.#database, () => over.forEach((id) => this.#forgetEntry.run(id)));
    for (const id of ids) {
      const left = (this.#waiting.get(id) ?? 1) - 1;
      if (left > 0) this.#waiting.set(id, left);
      else this.#waiting.delete(id);
    }
    packing.entriesDone += ids.length;
    if (packing.entriesDone >= packing.table.journalIds.length) this.#packing = undefined;
  }
}
