import { Fault, quoteValue } from "./fault.ts";
import { type MetricName, metrics } from "./metric.ts";

/**
 * Threshold of a rule in the metric's unit (times in milliseconds) from what its YAML holds: `80%`, `500ms`, `1.5s`, or
 * a bare number for metrics that are counts.
 */
export function parseThreshold(metric: MetricName, value: unknown): number | Fault {
  const unit = metrics[metric].unit;
  const example = { percent: "80%", count: "100", milliseconds: "500ms" }[unit];
  if (value === undefined || value === null) {
    return new Fault("is missing", `write a threshold such as ${example}`);
  }
  const match = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S*)$/.exec(String(value).trim());
  if (match === null || (typeof value !== "number" && typeof value !== "string")) {
    return new Fault(`is ${quoteValue(value)}, not a number`, `write a number such as ${example}`);
  }
  const [, digits = "", given = ""] = match;
  const scale = unitScales[unit][given];
  if (scale === undefined) return unitFault(unit, digits, given);
  const threshold = Number(digits) * scale;
  if (!Number.isFinite(threshold)) return new Fault("is too large", `write a number such as ${example}`);
  if (threshold <= 0) {
    return new Fault(`is ${quoteValue(value)}`, `write a number greater than 0, such as ${example}`);
  }
  if (metric === "http_error_rate" && threshold > 100) {
    return new Fault(`is ${quoteValue(value)}`, "write at most 100%");
  }
  if (/\s/.test(String(value).trim())) {
    return new Fault(`is ${quoteValue(value)}`, `write number and unit without a space: ${digits}${given}`);
  }
  return threshold;
}

/** A threshold as `parseThreshold` reads it back: `80%`, `500ms`, `2s`, `100`. */
export function formatThreshold(metric: MetricName, threshold: number): string {
  switch (metrics[metric].unit) {
    case "percent":
      return `${threshold}%`;
    case "milliseconds":
      return threshold % 1000 === 0 ? `${threshold / 1000}s` : `${threshold}ms`;
    case "count":
      return String(threshold);
  }
}

const unitScales: Readonly<Record<"percent" | "count" | "milliseconds", Readonly<Record<string, number>>>> = {
  percent: { "%": 1 },
  count: { "": 1 },
  milliseconds: { ms: 1, s: 1000 },
};

function unitFault(unit: "percent" | "count" | "milliseconds", digits: string, given: string): Fault {
  const shown = digits.replace(/^\+/, "");
  if (unit === "count") return new Fault(`takes no unit, not ${quoteValue(given)}`, `write ${shown}`);
  const right = unit === "percent" ? `${shown}%` : `${shown}ms, or ${shown}s for seconds`;
  if (given === "") return new Fault("needs a unit", `write ${right}`);
  const fix = unit === "percent" ? `write ${right}` : "write it in ms or s";
  return new Fault(`has the wrong unit ${quoteValue(given)}`, fix);
}
