/** A process as the agent knows it: pid and start time together, never the pid alone. */
export interface Process {
  /** `<boot id, 8 hex>-<start in boot ns, base 36>-<pid>`; the same across restarts of the agent. */
  readonly id: string;
  /** Thread group id in the agent's own pid namespace. */
  readonly pid: number;
  readonly parentPid: number;
  /** Start of the process on CLOCK_BOOTTIME; rounded to what a double holds, so compare, never subtract finely. */
  readonly startBootNs: number;
  /** Kernel's short name (comm), at most 15 bytes, as is: may hold anything but NUL. */
  readonly name: string;
  /** Path of the executable as the process sees it, `""` when it cannot be read. Attacker's input. */
  readonly exe: string;
  readonly service: string;
  readonly instance: string;
  /** Path in the cgroup hierarchy, `""` when unknown. */
  readonly cgroup: string;
  readonly uid: number;
  /** 64 hex digits, or `""` outside a container. */
  readonly containerId: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Makes the id of a process. `bootId` is /proc/sys/kernel/random/boot_id. */
export function processId(bootId: string, startBootNs: number, pid: number): string {
  return `${bootId.slice(0, 8)}-${startBootNs.toString(36)}-${pid}`;
}

/** The pid in the id of a process; NaN in what is none. */
export function pidOf(processId: string): number {
  return Number(processId.slice(processId.lastIndexOf("-") + 1) || NaN);
}
