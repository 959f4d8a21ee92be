import { encodeCString } from "./c_string.ts";
import { errnoText } from "./errno_name.ts";
import { isRegularFile, readFileStatus } from "./file_status.ts";
import { errno, libc } from "./syscall.ts";

const O_RDWR = 2;
const O_CREAT = 0o100;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** Differs between x86 and arm. */
const O_NOFOLLOW = Deno.build.arch === "x86_64" ? 0o400000 : 0o100000;
const LOCK_EX_NB = 2 | 4;
const EWOULDBLOCK = 11;

/** A file this process alone has locked. The kernel lets go of the lock when the process ends, however it ends. */
export interface LockedFile {
  readonly path: string;
  /** Lets go of the lock. The file stays: removing it would let two processes lock two files of one name. */
  close(): void;
}

/**
 * Locks a file with flock(2), making it (mode 0600) where it is missing; symbolic links are not followed.
 *
 * @returns undefined when another process holds it.
 * @throws {Error} when the file cannot be opened or is not a regular one.
 */
export function lockFile(path: string): LockedFile | undefined {
  const fd = libc().open(encodeCString(path), O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0o600);
  if (fd < 0) throw new Error(`Cannot open lock file ${path}: ${errnoText(errno())}`);
  const status = readFileStatus(fd);
  if (typeof status === "number" || !isRegularFile(status)) {
    libc().close(fd);
    throw new Error(`Cannot lock ${path}: it is not a regular file`);
  }
  if (libc().flock(fd, LOCK_EX_NB) !== 0) {
    const reason = errno();
    libc().close(fd);
    if (reason === EWOULDBLOCK) return undefined;
    throw new Error(`Cannot lock ${path}: ${errnoText(reason)}`);
  }
  let open = true;
  return {
    path,
    close() {
      if (open) libc().close(fd);
      open = false;
    },
  };
}
