import { encodeCString } from "./c_string.ts";
import { type FileStatus, isRegularFile, readFileStatus } from "./file_status.ts";
import { OpenedFile } from "./opened_file.ts";
import { libc } from "./syscall.ts";

const openNonblock = 0o4000;
const openDirectory = 0o200000;
const openCloexec = 0o2000000;
const openPath = 0o10000000;
/** The same number on every architecture. */
const sysOpenat2 = 437n;
const resolveNoMagiclinks = 0x02n;
const resolveInRoot = 0x10n;

/** The file that a mapping is said to be of. */
export interface ExpectedFile {
  readonly inode: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/**
 * Opens a file of another process as that process sees it, and nothing outside of its root directory.
 *
 * Refused (undefined): whatever is not a regular file with bytes in it, so no FIFO or device can make the opener wait;
 * a path that leads out of the root or over a magic link; a file other than the expected one.
 *
 * Source: openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS below /proc/PID/root, as O_PATH first; what passed
 * the checks is opened anew through its own descriptor, so it cannot be exchanged in between.
 * Limits: the kernel's 4,096 bytes of path. A file system that answers slowly (FUSE) can still delay it: call it where that may be.
 */
export function openInRoot(pid: number, path: string, expect?: ExpectedFile): OpenedFile | undefined {
  return openBelow(`/proc/${pid}/root`, path, expect);
}

/** Like `openInRoot`, for the caller's own root directory. */
export function openInOwnRoot(path: string, expect?: ExpectedFile): OpenedFile | undefined {
  return openBelow("/", path, expect);
}

/**
 * Opens the file behind a mapping even after it was unlinked or replaced. Needs CAP_CHECKPOINT_RESTORE or
 * CAP_SYS_ADMIN; undefined without, and for what is not a regular file.
 *
 * Source: /proc/PID/map_files/START-END.
 */
export function openMapFile(
  pid: number,
  start: number,
  end: number,
  expect?: ExpectedFile,
): OpenedFile | undefined {
  return openLink(`/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`, expect);
}

/** Opens the executable a process runs, deleted or not. Source: /proc/PID/exe. */
export function openExecutable(pid: number, expect?: ExpectedFile): OpenedFile | undefined {
  return openLink(`/proc/${pid}/exe`, expect);
}

function openBelow(root: string, path: string, expect: ExpectedFile | undefined): OpenedFile | undefined {
  if (path.includes("\0")) return undefined;
  const rootFd = libc().open(encodeCString(root), openPath | openDirectory | openCloexec, 0);
  if (rootFd < 0) return undefined;
  // struct open_how { __u64 flags, mode, resolve }
  const how = new BigUint64Array([BigInt(openPath | openCloexec), 0n, resolveInRoot | resolveNoMagiclinks]);
  const pathFd = libc().syscallOpenat2(sysOpenat2, BigInt(rootFd), encodeCString(path), how, 24n);
  libc().close(rootFd);
  return reopen(Number(pathFd), expect);
}

function openLink(path: string, expect: ExpectedFile | undefined): OpenedFile | undefined {
  return reopen(libc().open(encodeCString(path), openPath | openCloexec, 0), expect);
}

/** Checks an O_PATH descriptor and exchanges it for one that can be read. */
function reopen(pathFd: number, expect: ExpectedFile | undefined): OpenedFile | undefined {
  if (pathFd < 0) return undefined;
  const status = readFileStatus(pathFd);
  let opened: OpenedFile | undefined;
  if (
    typeof status !== "number" && isRegularFile(status) && status.sizeBytes > 0 && isExpected(status, expect)
  ) {
    const fd = libc().open(encodeCString(`/proc/self/fd/${pathFd}`), openNonblock | openCloexec, 0);
    if (fd >= 0) opened = new OpenedFile(fd, status);
  }
  libc().close(pathFd);
  return opened;
}

/**
 * Overlay file systems and btrfs report one device in a process's maps and another in stat, one of them always with
 * major number 0; there the inode decides alone.
 */
function isExpected(status: FileStatus, expect: ExpectedFile | undefined): boolean {
  if (expect === undefined) return true;
  if (Number(status.inode) !== expect.inode) return false;
  if (status.deviceMajor === 0 || expect.deviceMajor === 0) return true;
  return status.deviceMajor === expect.deviceMajor && status.deviceMinor === expect.deviceMinor;
}
