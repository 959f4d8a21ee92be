import { readSmallFile } from "./small_file.ts";

const buffer = new Uint8Array(128);
const decoder = new TextDecoder();

/**
 * Reads the host's load: how many threads were running or waiting for a core or a disk, averaged over about a minute.
 *
 * Source: the first number of /proc/loadavg, which the kernel renews every 5 s. In a container it is the host's.
 * Units: threads, to two decimals. undefined when it cannot be read.
 */
export function readLoadAverage(): number | undefined {
  const length = readSmallFile("/proc/loadavg", buffer) ?? 0;
  const load = Number.parseFloat(decoder.decode(buffer.subarray(0, length)));
  return Number.isFinite(load) ? load : undefined;
}
