import { errno, libc } from "../sys/syscall.ts";
import { BpfError } from "./error.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const EFD_CLOEXEC = 0o2000000;
/** `struct epoll_event` is packed on x86_64 alone. */
const EVENT_BYTES = Deno.build.arch === "x86_64" ? 12 : 16;

/** Waits until a ring buffer of several wakes its reader, without holding the event loop. */
export class Poller {
  readonly #epollFd: number;
  readonly #wakeFd: number;
  readonly #events = new Uint8Array(EVENT_BYTES);
  #waiting: Promise<number> | undefined;
  #closed = false;

  /** @throws {BpfError} when the kernel has no fds left. */
  constructor() {
    this.#epollFd = libc().epoll_create1(EPOLL_CLOEXEC);
    if (this.#epollFd < 0) throw new BpfError("create an epoll", errno());
    this.#wakeFd = libc().eventfd(0, EFD_CLOEXEC);
    if (this.#wakeFd < 0) {
      const reason = errno();
      libc().close(this.#epollFd);
      throw new BpfError("create an eventfd", reason);
    }
    this.add(this.#wakeFd);
  }

  /** Adds the fd of a ring buffer's map. It is taken out by being closed. @throws {BpfError} */
  add(fd: number): void {
    const event = new DataView(new ArrayBuffer(EVENT_BYTES));
    event.setUint32(0, EPOLLIN, true);
    if (libc().epoll_ctl(this.#epollFd, EPOLL_CTL_ADD, fd, event) !== 0) {
      throw new BpfError("poll a ring buffer", errno());
    }
  }

  /**
   * Resolves when a ring has something to read (true), after `timeoutMs`, or when the poller is closed (false).
   *
   * One wait at a time. A ring whose records were all sent with BPF_RB_NO_WAKEUP wakes nobody: drain it after a timeout too.
   *
   * @throws {TypeError} when a wait is already under way.
   */
  async wait(timeoutMs: number): Promise<boolean> {
    if (this.#closed) return false;
    if (this.#waiting !== undefined) throw new TypeError("Cannot wait twice at a time on one poller");
    this.#waiting = libc().epollWait(this.#epollFd, this.#events, 1, timeoutMs);
    try {
      const ready = await this.#waiting;
      return ready > 0 && !this.#closed;
    } finally {
      this.#waiting = undefined;
    }
  }

  /** Ends a wait that is under way and closes the poller's own fds. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    libc().write(this.#wakeFd, new BigUint64Array([1n]), 8n);
    await this.#waiting;
    libc().close(this.#wakeFd);
    libc().close(this.#epollFd);
  }
}
