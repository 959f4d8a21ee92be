import { type Clock, systemClock } from "./clock.ts";
import { escapeControl } from "./escape.ts";

/** How much is logged, least urgent first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof logLevels[number];
export type LogFormat = "logfmt" | "json";

/** Writes events for people and machines. The message is a constant text; what varies goes into the fields. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface LoggerOptions {
  format: LogFormat;
  level: LogLevel;
  /** Takes one line with its new line; stderr when absent. */
  write?: (line: string) => void;
  clock?: Clock;
}

/** Logs nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const repeatsPerWindow = 10;
const windowMs = 60_000;
const messagesRemembered = 1_000;
const valueLimit = 2_048;

interface Repeats {
  level: LogLevel;
  startUnixMs: number;
  written: number;
  suppressed: number;
}

/**
 * Makes a logger.
 * Shape: one line an event: `ts=… level=… msg=…` and the fields, or one JSON object.
 * Units: `ts` is RFC 3339 in UTC with milliseconds.
 * Limits: a value is cut at 2,048 characters; control characters are shown as text.
 * Loss: beyond 10 times a minute a repeated message is only counted; the count follows as `suppressed=N` when
 * its minute is over and anything is logged.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { format, level, write = writeToStderr, clock = systemClock } = options;
  const least = logLevels.indexOf(level);
  // In the order in which the minutes began, so that those that are over come first.
  const repeats = new Map<string, Repeats>();

  function emit(atUnixMs: number, at: LogLevel, message: string, fields: Record<string, unknown>): void {
    const all = { ts: new Date(atUnixMs).toISOString(), level: at, msg: message, ...fields };
    write((format === "json" ? formatJson(all) : formatLogfmt(all)) + "\n");
  }

  function endWindows(atUnixMs: number): void {
    for (const [message, entry] of repeats) {
      const ageMs = atUnixMs - entry.startUnixMs;
      if (ageMs >= 0 && ageMs < windowMs && repeats.size <= messagesRemembered) return;
      repeats.delete(message);
      if (entry.suppressed > 0) emit(atUnixMs, entry.level, message, { suppressed: entry.suppressed });
    }
  }

  function log(at: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    if (logLevels.indexOf(at) < least) return;
    const nowUnixMs = clock.nowUnixMs();
    endWindows(nowUnixMs);
    let entry = repeats.get(message);
    if (entry === undefined) {
      entry = { level: at, startUnixMs: nowUnixMs, written: 0, suppressed: 0 };
      repeats.set(message, entry);
    }
    if (entry.written >= repeatsPerWindow) {
      entry.suppressed++;
      return;
    }
    entry.written++;
    emit(nowUnixMs, at, message, fields);
  }

  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
  };
}

function formatLogfmt(fields: Record<string, unknown>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quote(showValue(value))}`)
    .join(" ");
}

function quote(text: string): string {
  const escaped = escapeControl(text.replace(/[\\"]/g, "\\$&"));
  return escaped === text && /^[^\s="]+$/.test(text) ? text : `"${escaped}"`;
}

function formatJson(fields: Record<string, unknown>): string {
  const shown = Object.entries(fields).map(([key, value]) => [
    key,
    typeof value === "number" || typeof value === "boolean" || value === undefined ? value : showValue(value),
  ]);
  // JSON's own escapes cover only a part of what escapeControl() knows; what is left is escaped the JSON way.
  return JSON.stringify(Object.fromEntries(shown)).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) =>
      character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

function showValue(value: unknown): string {
  let text: string;
  if (value instanceof Error) text = value.message;
  else if (typeof value === "object" && value !== null) text = showObject(value);
  else text = String(value);
  return text.length > valueLimit ? text.slice(0, valueLimit) + "…" : text;
}

function showObject(value: object): string {
  try {
    return JSON.stringify(value, (_key, part) => typeof part === "bigint" ? part.toString() : part) ?? "";
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** A log that cannot be written (a closed pipe, a full disk) must not stop the program. */
function writeToStderr(line: string): void {
  let rest = new TextEncoder().encode(line);
  try {
    while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
  } catch {
    // Nowhere is left to say it.
  }
}
