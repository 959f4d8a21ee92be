import { formatMetricValue, isMetricName } from "../model/metric.ts";

/** `5,940`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString("en");
}

/** `0.02 %`, `7.4 %`, `182 %`: as many digits as matter. */
export function formatPercent(percent: number): string {
  if (percent > 0 && percent < 0.01) return "< 0.01 %";
  if (percent >= 1000) return `${formatCount(Math.round(percent))} %`;
  const digits = percent >= 100 ? 0 : percent >= 10 ? 1 : 2;
  return `${Number(percent.toFixed(digits))} %`;
}

/** Share of a whole, always with one digit after the point so that columns line up: `61.0 %`, `< 0.1 %`. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return "0.0 %";
  const percent = (part / whole) * 100;
  return percent < 0.05 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
}

/** `84 MiB`; binary units. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024 || unit === "TiB") {
      return `${unit === "B" || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
    }
    value /= 1024;
  }
  return "";
}

/** `45 s`, `1 min 12 s`, `2 h 5 min`, `3 d 4 h`: two units at most. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([value]) => value > 0).map(([value, unit]) =>
    `${value} ${unit}`
  )
    .join(" ");
}

/** `just now`, `45 s ago`, `3 min ago`: one unit. */
export function formatAgo(seconds: number): string {
  if (seconds < 2) return "just now";
  const span = formatSpan(seconds).split(" ").slice(0, 2).join(" ");
  return `${span} ago`;
}

/** A weight of a profile: samples for on-CPU, time or waits for off-CPU. */
export function formatWeight(weight: number, unit: "samples" | "nanoseconds" | "waits"): string {
  if (unit !== "nanoseconds") return formatCount(weight);
  if (weight >= 1e9) return `${Number((weight / 1e9).toFixed(2))} s`;
  if (weight >= 1e6) return `${Number((weight / 1e6).toFixed(1))} ms`;
  return `${Number((weight / 1e3).toFixed(1))} µs`;
}

/** A value of a metric that came over the wire; metrics this build does not know are shown bare. */
export function formatValue(metric: string, value: number): string {
  return isMetricName(metric) ? formatMetricValue(metric, value) : String(Number(value.toFixed(2)));
}

/** Keeps beginning and end of a text that is longer than `length` characters. */
export function cutMiddle(text: string, length: number): string {
  if (text.length <= length) return text;
  if (length < 12) return `${text.slice(0, Math.max(1, length - 1))}…`;
  const tail = Math.floor((length - 1) / 3);
  return `${text.slice(0, length - 1 - tail)}…${text.slice(-tail)}`;
}

/** The text with controls, direction marks and other characters that fool the eye written out as `\u202e`. */
export function showInvisible(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
