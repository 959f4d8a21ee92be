import type { ByteSource } from "../bytes/byte_source.ts";
import { type FileStatus, readFileStatus } from "./file_status.ts";
import { libc } from "./syscall.ts";

/** A regular file open for reading, held by its descriptor so that it outlives its name and its process. */
export class OpenedFile implements ByteSource {
  readonly #fd: number;
  readonly #status: FileStatus;
  #open = true;

  /** Takes the descriptor over. */
  constructor(fd: number, status: FileStatus) {
    this.#fd = fd;
    this.#status = status;
  }

  get fd(): number {
    return this.#fd;
  }

  /** Size when it was opened. */
  get sizeBytes(): number {
    return this.#status.sizeBytes;
  }

  get inode(): number {
    return Number(this.#status.inode);
  }

  get deviceMajor(): number {
    return this.#status.deviceMajor;
  }

  get deviceMinor(): number {
    return this.#status.deviceMinor;
  }

  get ownerUid(): number {
    return this.#status.uid;
  }

  /** Size and time of the last write now; undefined when they cannot be told. */
  measure(): Pick<FileStatus, "sizeBytes" | "modifiedUnixMs"> | undefined {
    const status = this.#open ? readFileStatus(this.#fd) : 0;
    return typeof status === "number" ? undefined : status;
  }

  /** A fresh array of at most `length` bytes; shorter at the end of the file, empty on an error or after `close`. */
  readAt(offset: number, length: number): Uint8Array {
    if (!this.#open || length <= 0) return new Uint8Array(0);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = Number(
        libc().pread(this.#fd, bytes.subarray(filled), BigInt(length - filled), BigInt(offset + filled)),
      );
      if (count <= 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  }

  close(): void {
    if (this.#open) libc().close(this.#fd);
    this.#open = false;
  }
}
