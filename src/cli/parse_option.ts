import { InvalidArgumentError } from "commander";
import { normalizeBackendUrl } from "../model/backend_url.ts";
import { parseAddress } from "../model/config.ts";
import { formatDuration, parseDuration } from "../model/duration.ts";

/** Collects a repeatable option's values. */
export function collectValues(value: string, previous: string[] | undefined): string[] {
  return [...previous ?? [], value];
}

/** Collects process ids; each is a positive whole number. */
export function collectPids(value: string, previous: number[] | undefined): number[] {
  const pid = parseWhole(value, 1, 4_194_304, "a process id");
  return previous?.includes(pid) ? previous : [...previous ?? [], pid];
}

/** Whole seconds of `10s`, `5m`, `1h`, from one second to one day. */
export function parseSeconds(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) {
    throw new InvalidArgumentError("Write a number and s, m or h, such as 10s.");
  }
  if (milliseconds % 1000 !== 0 || milliseconds < 1000 || milliseconds > 86_400_000) {
    throw new InvalidArgumentError(`Give whole seconds from 1s to ${formatDuration(86_400_000)}.`);
  }
  return milliseconds / 1000;
}

/** Milliseconds of `1ms`, `0.1ms`, `2s`, from nothing to ten seconds. */
export function parseMinimum(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined || milliseconds > 10_000) {
    throw new InvalidArgumentError("Write a number and ms or s, such as 1ms, from 0ms to 10s.");
  }
  return milliseconds;
}

/** Samples a second and CPU. */
export function parseFrequency(value: string): number {
  return parseWhole(value, 1, 999, "a frequency in Hz");
}

/** Rows of a list. */
export function parseLimit(value: string): number {
  return parseWhole(value, 1, 1_000, "a number of rows");
}

/** Number of a policy's version. */
export function parseVersion(value: string): number {
  return parseWhole(value, 1, 4_294_967_295, "a version");
}

/** `host:port`, kept as text. */
export function parseListen(value: string): string {
  if (parseAddress(value) === undefined) {
    throw new InvalidArgumentError("Write host:port, such as 127.0.0.1:7471.");
  }
  return value;
}

/** A backend's URL, without its trailing slash. */
export function parseUrl(value: string): string {
  const url = normalizeBackendUrl(value);
  if (url === undefined) {
    throw new InvalidArgumentError("Write http://, https:// or skywalking://, host and port.");
  }
  return url;
}

function parseWhole(value: string, least: number, most: number, what: string): number {
  const number = Number(value);
  if (!/^\d{1,10}$/.test(value) || number < least || number > most) {
    throw new InvalidArgumentError(`Give ${what}, ${least} to ${most}.`);
  }
  return number;
}
