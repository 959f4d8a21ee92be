import { readSmallFile } from "./small_file.ts";

/** A page holds each of these files but cgroup, whose paths may be long. */
const textBytes = 16 * 1024;
const environmentBytes = 128 * 1024;
const valueBytes = 1024;
const textBuffer = new Uint8Array(textBytes);
const environmentBuffer = new Uint8Array(environmentBytes);
const decoder = new TextDecoder();
const encoder = new TextEncoder();
const deletedMark = " (deleted)";

/** Path of a process's executable. */
export interface Executable {
  /** As the process sees it, without " (deleted)"; "" when this program may not see it. */
  readonly path: string;
  /** The file has lost its name or was replaced since. */
  readonly deleted: boolean;
}

/** What /proc/PID/stat says that nothing else says as cheaply. */
export interface ProcessStat {
  /** `R`, `S`, `D`, `Z` (ended, not yet waited for), … */
  readonly state: string;
  readonly parentPid: number;
  readonly kernelThread: boolean;
  /** Start on CLOCK_BOOTTIME in ticks of 10 ms. */
  readonly startTicks: number;
}

/** What /proc/PID/status says of who a process is. */
export interface ProcessStatus {
  /** Real user id, in this program's user namespace. */
  readonly uid: number;
  /** Process id in the innermost pid namespace, the one that the process itself sees. */
  readonly namespacePid: number;
}

/** Reads which file a process runs; undefined when it is gone, has ended or is a kernel thread. */
export function readExe(pid: number): Executable | undefined {
  let path: string;
  try {
    path = Deno.readLinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied ? { path: "", deleted: false } : undefined;
  }
  const deleted = path.endsWith(deletedMark);
  return { path: deleted ? path.slice(0, -deletedMark.length) : path, deleted };
}

/**
 * Reads the asked variables of a process's environment, and keeps nothing else of it.
 *
 * Source: /proc/PID/environ: the environment at its last exec, not what it set since. Empty when it may not be read.
 * Shape: name → value, only those that are set; the first setting of a name counts, as for getenv.
 * Limits: the first 128 KiB; a value over 1,024 bytes is left out.
 */
export function readEnvironmentVariables(pid: number, names: readonly string[]): Map<string, string> {
  const length = readSmallFile(`/proc/${pid}/environ`, environmentBuffer) ?? 0;
  const environment = environmentBuffer.subarray(0, length);
  const found = findVariables(environment, names);
  environment.fill(0);
  return found;
}

/** Finds variables among `NAME=value` entries that end with NUL; one without its end was cut off and is left out. */
export function findVariables(environment: Uint8Array, names: readonly string[]): Map<string, string> {
  const prefixes = names.map((name) => encoder.encode(`${name}=`));
  const found = new Map<string, string>();
  for (let start = 0; start < environment.length && found.size < names.length;) {
    const end = environment.indexOf(0, start);
    if (end < 0) break;
    const index = prefixes.findIndex((prefix) => startsWith(environment, start, prefix));
    const name = names[index];
    if (name !== undefined && !found.has(name)) {
      const valueStart = start + prefixes[index]!.length;
      if (end - valueStart <= valueBytes) {
        found.set(name, decoder.decode(environment.subarray(valueStart, end)));
      }
    }
    start = end + 1;
  }
  return found;
}

/**
 * Reads the words a process was started with; empty when it is gone or may not be looked at.
 *
 * Source: /proc/PID/cmdline. Limits: the first 128 KiB; a process can write over it.
 */
export function readCommandLine(pid: number): string[] {
  const length = readSmallFile(`/proc/${pid}/cmdline`, environmentBuffer) ?? 0;
  return decoder.decode(environmentBuffer.subarray(0, length)).split("\0").slice(0, -1);
}

/** Reads where a process stands among the cgroups: see {@linkcode parseCgroupPath}; "" when it is gone. */
export function readCgroupPath(pid: number): string {
  return parseCgroupPath(readText(`/proc/${pid}/cgroup`) ?? "");
}

/**
 * Finds the path that tells most: that of the one hierarchy of cgroup v2, else systemd's own of v1, else the first
 * other one that is not the root; "/" when all are, "" when there is none.
 *
 * Source: /proc/PID/cgroup, `id:controllers:path` a line.
 * Limits: inside a cgroup namespace a path outside of it begins at the nearest common folder, as `/../../x`; it is
 * given as `/x`, since what that folder is called cannot be told from inside.
 */
export function parseCgroupPath(text: string): string {
  const lines = text.split("\n").map((line) => /^(\d+):([^:]*):(\/.*)$/.exec(line)).filter((line) =>
    line !== null
  );
  const ranked = [
    ...lines.filter((line) => line[2] === ""),
    ...lines.filter((line) => line[2] === "name=systemd"),
    ...lines,
  ].map((line) => line[3]!.replace(/^(\/\.\.)+(?=\/|$)/, "") || "/");
  return ranked.find((path) => path !== "/") ?? ranked[0] ?? "";
}

/** Reads a process's state and start; undefined when it is gone. */
export function readStat(pid: number): ProcessStat | undefined {
  return parseStat(readText(`/proc/${pid}/stat`) ?? "");
}

/** Parses /proc/PID/stat. The name in its second field may hold blanks, parentheses and new lines. */
export function parseStat(text: string): ProcessStat | undefined {
  const [state, parentPid, , , , , flags, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const startTicks = Number(rest[12]);
  if (state?.length !== 1 || !Number.isSafeInteger(startTicks)) return undefined;
  const kernelThread = (Number(flags) & 0x0020_0000) !== 0; // PF_KTHREAD
  return { state, parentPid: Number(parentPid), kernelThread, startTicks };
}

/** Reads whose a process is and what it calls itself; undefined when it is gone. */
export function readStatus(pid: number): ProcessStatus | undefined {
  const text = readText(`/proc/${pid}/status`) ?? "";
  const uid = /^Uid:\t(\d+)/m.exec(text)?.[1];
  const namespacePids = /^NSpid:((?:\t\d+)+)$/m.exec(text)?.[1];
  if (uid === undefined) return undefined;
  return { uid: Number(uid), namespacePid: Number(namespacePids?.split("\t").at(-1) ?? pid) };
}

function readText(path: string): string | undefined {
  const length = readSmallFile(path, textBuffer);
  return length === undefined ? undefined : decoder.decode(textBuffer.subarray(0, length));
}

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let index = 0; index < prefix.length; index++) {
    if (bytes[start + index] !== prefix[index]) return false;
  }
  return true;
}
