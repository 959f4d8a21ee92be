import { errnoText } from "./errno_name.ts";
import { errno, libc } from "./syscall.ts";

/** A user and the one group it is in. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes this process another user's, in every thread and for good: real, effective and saved ids change, all other groups
 * go, and with uid 0 every capability that is in effect or permitted. glibc does it in all threads, which the system calls
 * themselves do not.
 *
 * @throws {Error} when the kernel refuses, as without CAP_SETUID; groups may be gone already then.
 */
export function becomeUser({ uid, gid }: User): void {
  const failed = libc().setgroups(0n, null) !== 0 || libc().setresgid(gid, gid, gid) !== 0 ||
    libc().setresuid(uid, uid, uid) !== 0;
  if (failed) throw new Error(`Cannot become user ${uid}: ${errnoText(errno())}`);
}
