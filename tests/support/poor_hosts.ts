import { compileTarget } from "./target.ts";

const SYS_BPF = 321;
const SYS_PERF_EVENT_OPEN = 298;
const numbers = { EPERM: 1, EINVAL: 22, ENOSYS: 38 };

/** What another system call than usual is answered with. */
export type Denial = keyof typeof numbers;

/** Commands that run another where the host lacks something. Each goes in front of a command line. */
export interface PoorHosts {
  /** A seccomp filter answers bpf(2) with this: EPERM as containers do, ENOSYS and EINVAL as old kernels do. */
  withoutBpf(denial: Denial): string[];
  /** A seccomp filter forbids perf_event_open(2). */
  withoutPerfEvents: string[];
  /** An empty file hides the kernel's types. */
  withoutBtf: string[];
  withoutTracefs: string[];
  /** Another pid namespace than the host's. */
  inPidNamespace: string[];
  /** Root of another user namespace than the host's, as in a rootless container. */
  inUserNamespace: string[];
}

/** Prepares them in a folder of the test's own. */
export async function makePoorHosts(folder: string): Promise<PoorHosts> {
  const deny = `${folder}/deny_syscall`;
  await compileTarget("deny_syscall", deny);
  await Deno.writeTextFile(`${folder}/empty`, "");
  const inMounts = (script: string) => ["unshare", "--mount", "sh", "-ec", `${script}; exec "$@"`, "sh"];
  return {
    withoutBpf: (denial) => [deny, `${SYS_BPF}`, `${numbers[denial]}`],
    withoutPerfEvents: [deny, `${SYS_PERF_EVENT_OPEN}`, `${numbers.EPERM}`],
    withoutBtf: inMounts(`mount --bind ${folder}/empty /sys/kernel/btf/vmlinux`),
    withoutTracefs: inMounts("while umount /sys/kernel/tracing 2>/dev/null; do :; done"),
    inPidNamespace: ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
    inUserNamespace: ["unshare", "--user", "--map-root-user"],
  };
}
