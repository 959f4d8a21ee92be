import { systemClock } from "../../lib/clock.ts";

/** Wall time of this browser, Unix milliseconds. */
export function nowUnixMs(): number {
  return systemClock.nowUnixMs();
}

/** Local time with its zone: `14:03:22 GMT+1` today, else `Nov 22, 14:03:22 GMT+1`, with the year when not this one. */
export function formatLocalTime(unixMs: number, now = nowUnixMs()): string {
  const at = new Date(unixMs);
  const today = new Date(now);
  if (at.getFullYear() !== today.getFullYear()) return withYear.format(at);
  return (at.toDateString() === today.toDateString() ? withoutDate : withoutYear).format(at);
}

/** Local time of day alone, for axes and short spans: `14:03:22`. */
export function formatLocalClock(unixMs: number): string {
  return clockOnly.format(new Date(unixMs));
}

/** The local zone's short name at that time: `GMT+1`. */
export function formatZone(unixMs: number): string {
  return zoneOnly.formatToParts(new Date(unixMs)).find(({ type }) => type === "timeZoneName")?.value ?? "";
}

/** `2026-11-23 13:03:22 UTC`, for hovers. */
export function formatUtc(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
const withoutDate = new Intl.DateTimeFormat("en", { ...clock, timeZoneName: "short" });
const withoutYear = new Intl.DateTimeFormat("en", {
  ...clock,
  month: "short",
  day: "numeric",
  timeZoneName: "short",
});
const withYear = new Intl.DateTimeFormat("en", {
  ...clock,
  year: "numeric",
  month: "short",
  day: "numeric",
  timeZoneName: "short",
});
const clockOnly = new Intl.DateTimeFormat("en", clock);
const zoneOnly = new Intl.DateTimeFormat("en", { timeZoneName: "short" });
