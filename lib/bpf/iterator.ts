import { errno, libc } from "../sys/syscall.ts";
import { BpfError } from "./error.ts";
import type { Link } from "./link.ts";

const EINTR = 4;
const EAGAIN = 11;
const ENOMEM = 12;
const FIRST_BYTES = 256 * 1024;
/** More than the kernel ever hands over in one read(2) of an iterator. */
const LEAST_ROOM_BYTES = 64 * 1024;

/**
 * Reads a BPF iterator: each read runs its program over all objects and returns everything it wrote.
 *
 * Limits: `maxBytes` a read (16 MiB unless told); beyond it the read fails, since half a list would look like a list.
 */
export class BpfIterator {
  readonly #link: Link;
  readonly #maxBytes: number;
  #buffer = new Uint8Array(FIRST_BYTES);

  constructor(link: Link, options: { maxBytes?: number } = {}) {
    this.#link = link;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  }

  /**
   * Runs the program and returns what it wrote. The view is valid until the next read.
   *
   * @throws {BpfError} when the kernel refuses, or ENOMEM beyond the limit.
   */
  read(): Uint8Array<ArrayBuffer> {
    const reading = this.readInTurns();
    for (;;) {
      const { done, value } = reading.next();
      if (done) return value;
    }
  }

  /**
   * Does the same, and yields wherever the program paused by returning 1; the kernel shows it the same object again when the
   * reading goes on. End one that is not to go on with `return()`.
   *
   * @throws {BpfError} as `read` does.
   */
  *readInTurns(): Generator<void, Uint8Array<ArrayBuffer>> {
    const fd = this.#link.libbpf.symbols.bpf_iter_create(this.#link.fd);
    if (fd < 0) throw new BpfError("create an iterator", fd);
    try {
      // Reading may have replaced the buffer.
      const bytes = yield* this.#readAll(fd);
      return this.#buffer.subarray(0, bytes);
    } finally {
      libc().close(fd);
    }
  }

  *#readAll(fd: number): Generator<void, number> {
    let bytes = 0;
    for (;;) {
      if (this.#buffer.length - bytes < LEAST_ROOM_BYTES) this.#grow(bytes);
      const got = libc().read(fd, this.#buffer.subarray(bytes), BigInt(this.#buffer.length - bytes));
      if (got === 0n) return bytes;
      if (got < 0n) {
        const reason = errno();
        if (reason === EAGAIN) yield;
        else if (reason !== EINTR) throw new BpfError("read an iterator", reason);
        continue;
      }
      bytes += Number(got);
    }
  }

  #grow(bytes: number): void {
    if (this.#buffer.length >= this.#maxBytes) {
      throw new BpfError("read an iterator", ENOMEM, { hint: `more than ${this.#maxBytes} bytes` });
    }
    const larger = new Uint8Array(Math.min(2 * this.#buffer.length, this.#maxBytes + LEAST_ROOM_BYTES));
    larger.set(this.#buffer.subarray(0, bytes));
    this.#buffer = larger;
  }
}
