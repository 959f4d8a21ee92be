/** Inodes of the namespaces that a host boots with, fixed by the kernel. */
const hostInodes = { pid: 4026531836, user: 4026531837 };

/**
 * Whether this process is in the namespace that the host booted with: of pids, which then are all processes; of users,
 * whose capabilities alone count for BPF. False where /proc does not tell.
 */
export function isInHostNamespace(kind: keyof typeof hostInodes): boolean {
  try {
    return Deno.readLinkSync(`/proc/self/ns/${kind}`) === `${kind}:[${hostInodes[kind]}]`;
  } catch {
    return false;
  }
}
