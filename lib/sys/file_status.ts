import { errno, libc } from "./syscall.ts";

const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
const emptyPath = new Uint8Array(1);
const buffer = new DataView(new ArrayBuffer(STATX_BYTES));

/** What statx(2) says about an open file. */
export interface FileStatus {
  /** Type and permission bits, as in `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly sizeBytes: number;
  /** When its content was last written, ms since 1970. */
  readonly modifiedUnixMs: number;
  /** Of the file system the file is on. */
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Returns true for a regular file. */
export function isRegularFile(status: FileStatus): boolean {
  return (status.mode & 0o170000) === 0o100000;
}

/**
 * Reads the status of an open file; O_PATH fds too.
 *
 * @returns the status, or the negative errno.
 *
 * Source: `struct statx` of linux/stat.h, the same layout on every architecture.
 * Limits: sizes beyond 2^53 are rounded.
 */
export function readFileStatus(fd: number): FileStatus | number {
  if (libc().statx(fd, emptyPath, AT_EMPTY_PATH, STATX_BASIC_STATS, buffer) !== 0) return -errno();
  return {
    uid: buffer.getUint32(20, true),
    gid: buffer.getUint32(24, true),
    mode: buffer.getUint16(28, true),
    inode: buffer.getBigUint64(32, true),
    sizeBytes: Number(buffer.getBigUint64(40, true)),
    modifiedUnixMs: Number(buffer.getBigInt64(112, true)) * 1000 +
      Math.floor(buffer.getUint32(120, true) / 1e6),
    deviceMajor: buffer.getUint32(136, true),
    deviceMinor: buffer.getUint32(140, true),
  };
}
