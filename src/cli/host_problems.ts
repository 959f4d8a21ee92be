import { showsKernelAddresses } from "../../lib/symbol/kallsyms.ts";
import { isInHostNamespace } from "../../lib/sys/namespace.ts";

/** What works less than it could on this host, one sentence each; asked once, at the start. */
export function hostProblems(): string[] {
  const problems: string[] = [];
  if (!isInHostNamespace("pid")) {
    problems.push(
      "Only processes of this pid namespace are seen; run the agent in the host's (hostPID, --pid=host)",
    );
  }
  if (!hasKernelAddresses()) {
    problems.push("Kernel functions have no names: /proc/kallsyms hides its addresses; grant CAP_SYSLOG");
  }
  return problems;
}

/** Whether the kernel shows this process where its functions lie: it shows zeros to those who may not know. */
export function hasKernelAddresses(): boolean {
  try {
    return showsKernelAddresses();
  } catch {
    return false;
  }
}
