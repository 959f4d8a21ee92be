import { accessSync, constants, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { type Check, passCheck } from "./check.ts";

const spareBytes = 100 * 1024 * 1024;

/** Whether the state folder, or where it will be made, can be written and has room for the queue. */
export function checkState(folder: string, spoolBytes: number): Check {
  const name = "state folder";
  const place = findExisting(folder);
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
  } catch {
    return {
      name,
      level: "limited",
      message: `${place} cannot be written: an agent forgets at its end what it has not reported`,
      fix: "run as its owner, or give another --state",
    };
  }
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const mebibytes = Math.floor(free / 1024 ** 2).toLocaleString("en");
  if (free >= spoolBytes + spareBytes) return passCheck(name, `${folder}, ${mebibytes} MiB free`);
  return {
    name,
    level: "limited",
    message: `${folder} has ${mebibytes} MiB free: a full queue would not fit, and records would be dropped`,
    fix: `free ${Math.ceil((spoolBytes + spareBytes - free) / 1024 ** 2)} MiB, or set a smaller spool_bytes`,
  };
}

function findExisting(folder: string): string {
  try {
    Deno.statSync(folder);
    return folder;
  } catch {
    return folder === "/" ? folder : findExisting(dirname(folder));
  }
}
