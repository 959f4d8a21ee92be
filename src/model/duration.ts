const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of `500ms`, `30s`, `1.5s`, `5m`, `1h`; `undefined` when the text is not one number directly followed by
 * one of these units. The caller checks the range.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$/.exec(text);
  const scale = unitMs[match?.[2] ?? ""];
  if (match === null || scale === undefined) return undefined;
  return Math.round(Number(match[1]) * scale * 1e6) / 1e6;
}

/** Shortest text that `parseDuration` reads back: the largest unit that divides it, such as `90s`, `5m`, `500ms`. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ["h", "m", "s"]) {
    const scale = unitMs[unit] ?? 1;
    if (milliseconds >= scale && milliseconds % scale === 0) return `${milliseconds / scale}${unit}`;
  }
  return milliseconds === 0 ? "0s" : `${Number(milliseconds.toFixed(6))}ms`;
}
