import { type CapabilityName, readCapabilities } from "../../../lib/sys/capability.ts";
import { hasKernelAddresses } from "../host_problems.ts";
import { type Check, passCheck } from "./check.ts";

interface Need {
  name: CapabilityName;
  level: "limited" | "missing";
  without: string;
  /** An older, wider one that the kernel takes as well. */
  instead?: CapabilityName;
  /** Whether this host needs it at all. */
  isNeeded?: () => boolean;
}

const needs: readonly Need[] = [
  { name: "CAP_BPF", level: "missing", without: "no BPF program can be loaded", instead: "CAP_SYS_ADMIN" },
  {
    name: "CAP_PERFMON",
    level: "missing",
    without: "no process can be traced and no profile taken",
    instead: "CAP_SYS_ADMIN",
  },
  {
    name: "CAP_SYS_PTRACE",
    level: "limited",
    without: "other users' processes have no executable and service, and their functions no names",
  },
  {
    name: "CAP_DAC_READ_SEARCH",
    level: "limited",
    without: "functions of files that only their owner reads have no names",
  },
  {
    name: "CAP_SYSLOG",
    level: "limited",
    without: "kernel functions have no names",
    isNeeded: () => !hasKernelAddresses(),
  },
];

/** One check a capability that the agent uses. */
export function checkCapabilities(held: ReadonlySet<CapabilityName> = readCapabilities()): Check[] {
  return needs.map(({ name, level, without, instead, isNeeded }) => {
    if (held.has(name)) return passCheck(name, "held");
    if (instead !== undefined && held.has(instead)) return passCheck(name, `not held, but ${instead} is`);
    if (isNeeded?.() === false) return passCheck(name, "not held, and not needed on this host");
    return {
      name,
      level,
      message: `missing: ${without}`,
      fix: `run as root, or grant it: AmbientCapabilities=${name} of a unit, --cap-add ${
        name.replace("CAP_", "")
      } of a container`,
    };
  });
}
