import assert from "node:assert/strict";
import { checkSignatures } from "../../tests/support/check_signatures.ts";
import { encodeCString } from "./c_string.ts";
import { errno, libc, libcSignatures } from "./syscall.ts";

const headers = [
  ...["errno.h", "fcntl.h", "grp.h", "stddef.h", "time.h", "unistd.h", "linux/perf_event.h"],
  ...[
    "sys/epoll.h",
    "sys/eventfd.h",
    "sys/file.h",
    "sys/mman.h",
    "malloc.h",
    "sys/prctl.h",
    "sys/stat.h",
    "sys/syscall.h",
  ],
];
/** glibc has this one, but no header that declares it. */
const missing = `extern "C" int capget(void *header, void *data);`;
/** The numbers of C headers that lib/sys and lib/bpf repeat. */
const constants = `
#define AT(type, field, offset) static_assert(offsetof(struct type, field) == offset, #type "." #field)
AT(perf_event_attr, type, 0);
AT(perf_event_attr, size, 4);
AT(perf_event_attr, config, 8);
AT(perf_event_attr, sample_freq, 16);
static_assert(offsetof(struct perf_event_attr, read_format) + 8 == 40, "perf_event_attr: flags");
AT(statx, stx_uid, 20);
AT(statx, stx_gid, 24);
AT(statx, stx_mode, 28);
AT(statx, stx_ino, 32);
AT(statx, stx_size, 40);
AT(statx, stx_dev_major, 136);
AT(statx, stx_dev_minor, 140);
static_assert(sizeof(struct statx) == 256 && sizeof(struct epoll_event) == 12 && sizeof(struct timespec) == 16, "sizes");
static_assert(SYS_openat2 == 437 && SYS_perf_event_open == 298, "system calls");
static_assert(PERF_TYPE_SOFTWARE == 1 && PERF_COUNT_SW_CPU_CLOCK == 0 && PERF_FLAG_FD_CLOEXEC == 8, "perf");
static_assert(AT_EMPTY_PATH == 0x1000 && STATX_BASIC_STATS == 0x7ff, "statx");
static_assert(CLOCK_REALTIME == 0 && CLOCK_BOOTTIME == 7 && _SC_PAGESIZE == 30, "clocks");
static_assert(O_RDWR == 2 && O_CREAT == 0100 && O_NONBLOCK == 04000 && O_CLOEXEC == 02000000 && O_NOFOLLOW == 0400000, "open");
static_assert(LOCK_EX == 2 && LOCK_NB == 4 && MFD_CLOEXEC == 1, "lock");
static_assert(EPOLL_CLOEXEC == 02000000 && EPOLL_CTL_ADD == 1 && EPOLLIN == 1 && EFD_CLOEXEC == 02000000, "epoll");
static_assert(PROT_READ == 1 && PROT_WRITE == 2 && MAP_SHARED == 1 && MADV_DONTNEED == 4, "mmap");
static_assert(PR_CAPBSET_READ == 23 && PR_CAPBSET_DROP == 24 && PR_SET_NO_NEW_PRIVS == 38, "prctl");
static_assert(PR_CAP_AMBIENT == 47 && PR_CAP_AMBIENT_CLEAR_ALL == 4, "prctl: ambient");
`;

Deno.test("libcSignatures agrees with the C headers in every parameter, result, offset and constant", async () => {
  assert.equal(await checkSignatures(headers, libcSignatures, { declarations: missing + constants }), "");
});

Deno.test("errno() returns the failed call's number when it is read at once", () => {
  const ENOENT = 2;
  const EBADF = 9;
  const path = encodeCString("/proc/nonexistent");
  for (let round = 0; round < 1000; round++) {
    assert.equal(libc().open(path, 0, 0) < 0 && errno(), ENOENT);
    assert.equal(libc().close(-1) < 0 && errno(), EBADF);
  }
});
