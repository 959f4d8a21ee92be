import { readCgroupPath, readEnvironmentVariables, readExe, readStat } from "../../lib/procfs/process.ts";
import { type Process, processId } from "../model/process.ts";
import { readCgroupFacts } from "./container.ts";
import type { ProcessRow } from "./process_table.ts";
import { readDockerName } from "./docker_name.ts";
import { nameService, type NamingOptions, type ServiceFacts, serviceVariables } from "./service_name.ts";

/** Who a process is and what its service was found by; or that it ended meanwhile, or never was a user's process. */
export type Identity = { process: Process; facts: ServiceFacts } | "gone" | "kernel";

/**
 * Reads from /proc who a process of the kernel's snapshot is. Its start is compared last, so that a pid used again
 * meanwhile is never taken for the process that had it.
 */
export function readIdentity(
  row: ProcessRow,
  options: NamingOptions & { bootId: string },
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
  const cgroupFacts = readCgroupFacts(cgroup);
  const container = cgroupFacts.podUid === "" ? readDockerName(cgroupFacts.containerId) : undefined;
  const facts: ServiceFacts = {
    ...{ name: row.name, exe, cgroup: cgroupFacts, environment },
    ...(container === undefined ? {} : { container }),
  };
  const process = {
    id: processId(options.bootId, row.startBootNs, row.pid),
    pid: row.pid,
    parentPid: row.parentPid,
    startBootNs: row.startBootNs,
    name: row.name,
    exe,
    ...nameService(facts, options),
    cgroup,
    uid: row.uid,
    containerId: cgroupFacts.containerId,
  };
  return { process, facts };
}
