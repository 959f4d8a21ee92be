import { errnoText } from "./errno_name.ts";
import { errno, libc } from "./syscall.ts";

/** Names by bit, as in linux/capability.h. */
const NAMES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** A capability's name as in capabilities(7). */
export type CapabilityName = typeof NAMES[number];

const CAPABILITY_VERSION_3 = 0x20080522;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/**
 * Returns the capabilities in effect for the calling thread.
 *
 * Source: capget(2), version 3: two u32 triples (effective, permitted, inheritable), low bits first.
 */
export function readCapabilities(): ReadonlySet<CapabilityName> {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  const data = new Uint32Array(6);
  if (libc().capget(header, data) !== 0) {
    throw new Error(`Cannot read capabilities: ${errnoText(errno())}`);
  }
  const effective = BigInt(data[0]!) | BigInt(data[3]!) << 32n;
  return new Set(NAMES.filter((_, bit) => (effective >> BigInt(bit) & 1n) === 1n));
}

/**
 * Takes all capabilities but `keep` out of this thread's bounding set and forbids gaining rights by executing. What is in
 * effect now does not change: what this thread starts from here on holds `keep` at most, from its first instruction, and
 * so does this very process once it executes itself anew.
 *
 * @throws {Error} when the kernel refuses, as without CAP_SETPCAP.
 */
export function limitCapabilities(keep: ReadonlySet<CapabilityName>): void {
  for (let bit = 0; control(PR_CAPBSET_READ, bit) >= 0; bit++) {
    const name = NAMES[bit];
    if (name !== undefined && keep.has(name)) continue;
    require(control(PR_CAPBSET_DROP, bit), `give up ${name ?? `capability ${bit}`}`);
  }
  require(control(PR_SET_NO_NEW_PRIVS, 1), "set no_new_privs");
}

/** Keeps the capabilities that this thread has from what it starts, where it is not root's. Root's children inherit otherwise. */
export function clearAmbientCapabilities(): void {
  require(control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), "clear the ambient capabilities");
}

function control(option: number, argument: number): number {
  return libc().prctl(option, BigInt(argument), 0n, 0n, 0n);
}

/** @throws {Error} when the call before failed. */
function require(result: number, what: string): void {
  if (result !== 0) throw new Error(`Cannot ${what}: ${errnoText(errno())}`);
}
