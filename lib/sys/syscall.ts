/**
 * The libc calls this program makes, and the only file that opens libc.
 *
 * It is opened at the first call, not at import, so that a process without the FFI permission may import what it likes.
 */

/** libc's functions as this program calls them, each below its C prototype; `syscall_test.ts` compares them with the headers. */
export const libcSignatures = {
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // long syscall(long number, long, const char *, const void *, size_t): openat2(2), which libc does not wrap
  syscallOpenat2: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "buffer", "usize"],
    result: "i64",
  },
  // long syscall(long number, const void *, long, long, long, long): perf_event_open(2), which libc does not wrap
  syscallPerfEventOpen: {
    name: "syscall",
    parameters: ["i64", "buffer", "i64", "i64", "i64", "i64"],
    result: "i64",
  },
  // int open(const char *path, int flags, mode_t mode)
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  // ssize_t read(int fd, void *buffer, size_t count)
  read: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // ssize_t pread(int fd, void *buffer, size_t count, off_t offset)
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i64" },
  // ssize_t write(int fd, const void *buffer, size_t count)
  write: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int close(int fd); of a BPF link up to 0.1 s, so on a pool thread
  closeSlowly: { name: "close", parameters: ["i32"], result: "i32", nonblocking: true },
  // int statx(int fd, const char *path, int flags, unsigned int mask, struct statx *)
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  // int flock(int fd, int operation)
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // int memfd_create(const char *name, unsigned int flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  // int munmap(void *address, size_t length)
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  // int madvise(void *address, size_t length, int advice)
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  // int malloc_trim(size_t pad)
  malloc_trim: { parameters: ["usize"], result: "i32" },
  // int epoll_create1(int flags)
  epoll_create1: { parameters: ["i32"], result: "i32" },
  // int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *)
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int epoll_wait(int epoll, struct epoll_event *, int count, int timeout_ms); on a pool thread
  epollWait: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // int eventfd(unsigned int initial, int flags)
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // int clock_gettime(clockid_t clock, struct timespec *)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  // long sysconf(int name)
  sysconf: { parameters: ["i32"], result: "i64" },
  // int prctl(int option, unsigned long, unsigned long, unsigned long, unsigned long)
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  // int capget(cap_user_header_t, cap_user_data_t)
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  // int setgroups(size_t count, const gid_t *groups); glibc's, for all threads at once, as the two below
  setgroups: { parameters: ["usize", "pointer"], result: "i32" },
  // int setresgid(gid_t real, gid_t effective, gid_t saved)
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  // int setresuid(uid_t real, uid_t effective, uid_t saved)
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  // int execve(const char *path, char *const argv[], char *const envp[])
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof libcSignatures>["symbols"];

let symbols: Libc | undefined;
let errnoPointer: Deno.PointerObject | undefined;

/** Returns libc's functions. Ints are C's own results: negative means failed, then ask {@linkcode errno} at once. */
export function libc(): Libc {
  return symbols ??= Deno.dlopen("libc.so.6", libcSignatures).symbols;
}

/**
 * Reads the calling thread's errno. Right only in the expression after a failed call: anything between, even an
 * allocation, may change it, and after a nonblocking call it was set on another thread.
 */
export function errno(): number {
  errnoPointer ??= libc().__errno_location()!;
  return new Deno.UnsafePointerView(errnoPointer).getInt32();
}
