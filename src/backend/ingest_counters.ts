/** What agents sent since the start, for /metrics. */
export class IngestCounters {
  reports = 0;
  failedReports = 0;
  refusedRecords = 0;
  readonly records = new Map<string, number>();
  metricSlots = 0;
  profileBytes = 0;

  /** Counts one record of a kind. */
  countRecord(kind: string): void {
    this.records.set(kind, (this.records.get(kind) ?? 0) + 1);
  }
}
