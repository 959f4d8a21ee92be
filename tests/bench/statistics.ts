/** A median and where the true one lies in 95 of 100 such runs. */
export interface Interval {
  median: number;
  low: number;
  high: number;
}

/** Finds a median with its interval by order statistics, which asks nothing of how the values are spread. */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = values.toSorted((one, other) => one - other);
  const reach = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return { median: percentile(sorted, 50), low: sorted[reach]!, high: sorted.at(-1 - reach)! };
}

/** Finds the value that `percent` of all values do not exceed, interpolated between the two next to it. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new RangeError("Cannot find a percentile of no values");
  const sorted = values.toSorted((one, other) => one - other);
  const place = (sorted.length - 1) * percent / 100;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
}

/** Shows a median with its interval: `0.31 % (0.28 to 0.35)`. */
export function formatInterval({ median, low, high }: Interval, unit: string, digits = 2): string {
  return `${median.toFixed(digits)}${unit} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}
