import { type CapabilityName, limitCapabilities, readCapabilities } from "../../lib/sys/capability.ts";
import { executeAnew } from "../../lib/sys/execute.ts";

/** What an agent needs: BPF and perf events, names of other processes' files, kernel addresses for their names. */
export const agentCapabilities: ReadonlySet<CapabilityName> = new Set([
  "CAP_BPF",
  "CAP_PERFMON",
  "CAP_SYS_PTRACE",
  "CAP_DAC_READ_SEARCH",
  "CAP_SYSLOG",
]);

/**
 * Gives up every right an agent does not need. Capabilities belong to threads and the runtime has several, so a root
 * process limits what may be gained and executes itself anew: it does not come back from here then. Returns when there
 * is nothing to give up, or no right to. Call it first, before anything from outside is read.
 */
export function keepAgentRights(): void {
  const held = readCapabilities();
  if (Deno.uid() !== 0 || [...held].every((name) => agentCapabilities.has(name))) return;
  // A container may have been left rights, but not the one to give them up.
  if (!held.has("CAP_SETPCAP")) return;
  limitCapabilities(agentCapabilities);
  executeAnew();
}
