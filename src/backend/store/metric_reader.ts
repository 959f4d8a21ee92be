import type { DatabaseSync, StatementSync } from "node:sqlite";
import { decodeHour, summarizeMinute } from "./hour_blob.ts";
import type { MetricWriter } from "./metric_writer.ts";
import { decodeMinute, slotsPerMinute } from "./minute_blob.ts";
import { PointBuckets, type PointColumns } from "./point_buckets.ts";
import type { SeriesTable } from "./series_table.ts";
import type { MetricQuery, SeriesKey } from "./store.ts";

/** Lengths of a bucket that a chart's axis divides well. */
const stepsSeconds = [
  1,
  2,
  5,
  10,
  15,
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  14_400,
  21_600,
  43_200,
  86_400,
];
const newestMinutes = 2;

/** Reads metrics back: packed minutes, minutes still in memory, and the summaries of older ones. */
export class MetricReader {
  readonly #minute: StatementSync;
  readonly #hours: StatementSync;
  readonly #series: SeriesTable;
  readonly #writer: MetricWriter;
  readonly #values = new Float32Array(slotsPerMinute);
  readonly #states = new Uint8Array(slotsPerMinute);

  constructor(database: DatabaseSync, series: SeriesTable, writer: MetricWriter) {
    this.#minute = database.prepare("SELECT data FROM metric_minutes WHERE minute = ? AND series = ?");
    this.#hours = database.prepare("SELECT data FROM metric_hours WHERE hour = ? AND series = ?");
    this.#series = series;
    this.#writer = writer;
  }

  /** Points of each series in steps of equal length, at most `maxPoints` each. */
  query({ agentId, series, fromMs, toMs, maxPoints }: MetricQuery): {
    stepSeconds: number;
    series: PointColumns[];
  } {
    const fromSecond = Math.floor(fromMs / 1000);
    const toSecond = Math.ceil(toMs / 1000);
    const numbers = series.map((key) => this.#series.find(agentId, key));
    let stepSeconds = chooseStep(toSecond - fromSecond, maxPoints);
    // Summaries know whole minutes only.
    if (stepSeconds < 60 && this.#hasSummaries(fromSecond, toSecond, numbers)) stepSeconds = 60;
    const from = Math.floor(fromSecond / stepSeconds) * stepSeconds;
    const to = Math.ceil(toSecond / stepSeconds) * stepSeconds;
    const columns = numbers.map((number) => {
      const buckets = new PointBuckets(from, to, stepSeconds);
      if (number !== undefined) this.#read(number, from, to, stepSeconds, buckets);
      return buckets.columns();
    });
    return { stepSeconds, series: columns };
  }

  /** Newest slot of a series in the current and the last minute. */
  newest(agentId: string, key: SeriesKey, nowMs: number): number | undefined {
    const number = this.#series.find(agentId, key);
    if (number === undefined) return undefined;
    const current = Math.floor(nowMs / 60_000);
    for (let minute = current; minute > current - newestMinutes; minute--) {
      this.#load(minute, number);
      for (let slot = slotsPerMinute - 1; slot >= 0; slot--) {
        if (this.#states[slot]) return this.#values[slot];
      }
    }
    return undefined;
  }

  #hasSummaries(from: number, to: number, numbers: readonly (number | undefined)[]): boolean {
    for (let hour = Math.floor(from / 3600); hour * 3600 < to; hour++) {
      if (numbers.some((number) => number !== undefined && this.#hours.get(hour, number))) return true;
    }
    return false;
  }

  #read(series: number, from: number, to: number, step: number, buckets: PointBuckets): void {
    for (let hour = Math.floor(from / 3600); hour * 3600 < to; hour++) {
      const data = this.#hours.get(hour, series)?.data;
      if (data === undefined) continue;
      for (const [minute, { min, max, mean, count }] of decodeHour(data as Uint8Array)) {
        buckets.add(hour * 3600 + minute * 60, min, max, mean, count);
      }
    }
    for (let minute = Math.floor(from / 60); minute * 60 < to; minute++) {
      if (!this.#load(minute, series)) continue;
      if (step >= 60) this.#addSummary(minute, buckets);
      else this.#addSlots(minute, buckets);
    }
  }

  #load(minute: number, series: number): boolean {
    const data = this.#minute.get(minute, series)?.data;
    if (data === undefined) this.#states.fill(0);
    else decodeMinute(data as Uint8Array, this.#values, this.#states);
    this.#writer.overlay(minute, series, this.#values, this.#states);
    return this.#states.some((state) => state !== 0);
  }

  #addSummary(minute: number, buckets: PointBuckets): void {
    const summary = summarizeMinute(this.#values, this.#states);
    if (summary !== undefined) {
      buckets.add(minute * 60, summary.min, summary.max, summary.mean, summary.count);
    }
  }

  #addSlots(minute: number, buckets: PointBuckets): void {
    for (let slot = 0; slot < slotsPerMinute; slot++) {
      if (!this.#states[slot]) continue;
      const value = this.#values[slot] ?? 0;
      buckets.add(minute * 60 + slot, value, value, value, 1);
    }
  }
}

/** The shortest step that keeps within `maxPoints`, the buckets cut at both ends included. */
function chooseStep(seconds: number, maxPoints: number): number {
  const room = Math.max(1, maxPoints - 1);
  const step = stepsSeconds.find((candidate) => seconds / candidate <= room);
  return step ?? Math.ceil(seconds / room / 86_400) * 86_400;
}
