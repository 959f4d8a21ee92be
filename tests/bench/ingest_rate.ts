import { DatabaseSync } from "node:sqlite";
import { defaultRetention } from "../../src/backend/store/retention.ts";
import { SqliteStore } from "../../src/backend/store/sqlite_store.ts";
import type { ReportBatch } from "../../src/backend/store/store.ts";
import type { Figure } from "./figure.ts";
import { withFolder } from "./machine.ts";
import { formatInterval, medianInterval } from "./statistics.ts";

const hosts = 20;
const seriesPerHost = 50;
const secondsPerReport = 2;
const minutes = 12;

/** Points a second that the store takes in, next to one row a point in the same SQLite with the same transactions. */
export const ingestRate: Figure = {
  name: "ingest",
  measure: () => withFolder(measure),
};

function measure(folder: string) {
  const startSecond = Math.floor(Date.now() / 60_000) * 60 - minutes * 60;
  const retention = defaultRetention;
  const store = new SqliteStore({ path: `${folder}/ours.db`, limits: retention, nowMs: startSecond * 1000 });
  const rows = new PointRows(`${folder}/rows.db`);
  const ours: number[] = [];
  const theirs: number[] = [];
  let sequence = 0;
  for (let minute = -1; minute < minutes; minute++) {
    const reports = makeReports(startSecond + minute * 60, sequence);
    sequence += 60 / secondsPerReport;
    const storeRate = measureRate(() => reports.forEach((report) => store.putReport(report)));
    const rowRate = measureRate(() => reports.forEach((report) => rows.putReport(report)));
    if (minute < 0) continue; // Both make their series.
    ours.push(storeRate);
    theirs.push(rowRate);
  }
  store.close();
  rows.close();
  const bytes = (file: string) =>
    Deno.statSync(`${folder}/${file}`).size / (minutes + 1) / 60 / hosts / seriesPerHost;
  const ratio = medianInterval(ours.map((one, index) => one / theirs[index]!));
  return Promise.resolve([{
    what: "Metrics taken in, points a second",
    ours: `${formatInterval(medianInterval(ours), "", 0)}, ${bytes("ours.db").toFixed(1)} B a point`,
    alternative: `a row per point: ${formatInterval(medianInterval(theirs), "", 0)}, ${
      bytes("rows.db").toFixed(1)
    } B a point; ${formatInterval(ratio, "×", 1)}`,
    target: "≥ 10×",
    met: ratio.median >= 10,
    basis:
      `${minutes} minutes of ${hosts} hosts with ${seriesPerHost} series each, a report every ${secondsPerReport} s`,
  }]);
}

/** One minute of every host, in the order in which reports arrive. */
function makeReports(minuteSecond: number, sequence: number): ReportBatch[] {
  const reports: ReportBatch[] = [];
  for (let offset = 0; offset < 60; offset += secondsPerReport) {
    const startSecond = minuteSecond + offset;
    for (let host = 0; host < hosts; host++) reports.push(makeReport(host, startSecond, ++sequence));
    sequence -= hosts - 1;
  }
  return reports;
}

function makeReport(host: number, startSecond: number, sequence: number): ReportBatch {
  const slots = seriesPerHost * secondsPerReport;
  return {
    agentId: `agent-${host}`,
    info: new Uint8Array(64),
    atMs: (startSecond + secondsPerReport) * 1000,
    lastSequence: sequence,
    items: [{
      sequence,
      item: {
        kind: "metrics",
        startSecond,
        seconds: secondsPerReport,
        series: Array.from({ length: seriesPerHost }, (_, index) => ({
          processId: `process-${host}-${index}`,
          metric: "process_cpu",
          uri: "",
          variant: "",
        })),
        values: Float32Array.from({ length: slots }, () => Math.random() * 100),
        states: new Uint8Array(slots).fill(1),
      },
    }],
  };
}

function measureRate(work: () => void): number {
  const startMs = performance.now();
  work();
  return hosts * seriesPerHost * 60 / ((performance.now() - startMs) / 1000);
}

/** The alternative: every point is a row, found by series and second. */
class PointRows {
  readonly #database: DatabaseSync;
  readonly #series = new Map<string, number>();

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA cache_size = -65536;
      CREATE TABLE points (series INTEGER, second INTEGER, value REAL, state INTEGER, PRIMARY KEY (series, second))
        WITHOUT ROWID;`);
  }

  putReport({ items }: ReportBatch): void {
    const insert = this.#database.prepare("INSERT INTO points VALUES (?, ?, ?, ?)");
    this.#database.exec("BEGIN IMMEDIATE");
    for (const { item } of items) {
      if (item.kind !== "metrics") continue;
      for (const [index, { processId }] of item.series.entries()) {
        const series = this.#series.get(processId) ?? this.#series.size;
        this.#series.set(processId, series);
        for (let second = 0; second < item.seconds; second++) {
          const slot = index * item.seconds + second;
          insert.run(series, item.startSecond + second, item.values[slot]!, item.states[slot]!);
        }
      }
    }
    this.#database.exec("COMMIT");
  }

  close(): void {
    this.#database.close();
  }
}
