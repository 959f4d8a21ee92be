import { readCgroupPath, readEnvironmentVariables, readExe, readStat } from "../../lib/procfs/process.ts";
import type { ServiceOverride } from "../model/config.ts";
import { type Process, processId } from "../model/process.ts";
import { readCgroupFacts } from "./container.ts";
import type { ProcessRow } from "./process_table.ts";
import { nameService, serviceVariables } from "./service_name.ts";

/** Who a process is; or that it ended meanwhile; or that it never was a user's process. */
export type Identity = Process | "gone" | "kernel";

/**
 * Reads from /proc who a process of the kernel's snapshot is. Its start is compared last, so that a pid used again
 * meanwhile is never taken for the process that had it.
 */
export function readIdentity(
  row: ProcessRow,
  options: { bootId: string; host: string; overrides: readonly ServiceOverride[] },
): Identity {
  const executable = readExe(row.pid);
  const cgroup = executable === undefined ? "" : readCgroupPath(row.pid);
  const environment = executable === undefined
    ? new Map<string, string>()
    : readEnvironmentVariables(row.pid, serviceVariables);
  const stat = readStat(row.pid);
  if (stat === undefined || Math.abs(stat.startTicks - Math.floor(row.startBootNs / 1e7)) > 1) return "gone";
  if (stat.kernelThread) return "kernel";
  if (executable === undefined) return "gone";

  const exe = executable.path;
  const facts = readCgroupFacts(cgroup);
  const named = nameService({ name: row.name, exe, cgroup: facts, environment }, options);
  return {
    id: processId(options.bootId, row.startBootNs, row.pid),
    pid: row.pid,
    parentPid: row.parentPid,
    startBootNs: row.startBootNs,
    name: row.name,
    exe,
    ...named,
    cgroup,
    uid: row.uid,
    containerId: facts.containerId,
  };
}
