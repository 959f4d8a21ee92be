/** A span of time up to now. */
export interface TimeRange {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
}

/** What can be chosen, shortest first; the first is the default. */
export const timeRanges: readonly TimeRange[] = [
  { name: "5m", title: "5 min", seconds: 300 },
  { name: "1h", title: "1 h", seconds: 3600 },
  { name: "6h", title: "6 h", seconds: 21_600 },
  { name: "24h", title: "24 h", seconds: 86_400 },
];

/** The range the address asks for, or the shortest. */
export function readRange(query: URLSearchParams): TimeRange {
  return timeRanges.find(({ name }) => name === query.get("range")) ?? timeRanges[0]!;
}
