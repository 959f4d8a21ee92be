import { readCapabilities } from "../../../lib/sys/capability.ts";
import { type Check, passCheck } from "./check.ts";

interface Need {
  name: string;
  level: "limited" | "missing";
  without: string;
}

const needs: readonly Need[] = [
  { name: "CAP_BPF", level: "missing", without: "no BPF program can be loaded" },
  { name: "CAP_PERFMON", level: "missing", without: "no process can be traced and no profile taken" },
  { name: "CAP_SYS_PTRACE", level: "limited", without: "functions of other users' processes have no names" },
  {
    name: "CAP_DAC_READ_SEARCH",
    level: "limited",
    without: "symbols of files that only their owner reads are missing",
  },
  {
    name: "CAP_SYSLOG",
    level: "limited",
    without: "kernel functions have no names where kptr_restrict is 1",
  },
];

/** One check a capability that the agent uses. */
export function checkCapabilities(held: ReadonlySet<string> = readCapabilities()): Check[] {
  return needs.map(({ name, level, without }) =>
    held.has(name)
      ? passCheck(name, "held")
      : { name, level, message: `missing: ${without}`, fix: "run as root, or grant it" }
  );
}
