import assert from "node:assert/strict";
import { waitReason } from "./wait_reason.ts";

/** Stacks that Linux 6.1 and 6.18 showed, leaf first, without the scheduler's frames. */
const seen: readonly (readonly [string, string])[] = [
  ["futex_wait_queue futex_wait do_futex __x64_sys_futex do_syscall_64", "lock (futex)"],
  ["futex_do_wait __futex_wait futex_wait do_futex __x64_sys_futex do_syscall_64", "lock (futex)"],
  ["schedule_hrtimeout_range_clock ep_poll do_epoll_wait __x64_sys_epoll_wait do_syscall_64", "poll"],
  ["schedule_hrtimeout_range_clock poll_schedule_timeout do_sys_poll __x64_sys_poll do_syscall_64", "poll"],
  ["do_nanosleep hrtimer_nanosleep common_nsleep __x64_sys_clock_nanosleep do_syscall_64", "sleep"],
  ["schedule_timeout wait_woken sk_wait_data tcp_recvmsg_locked tcp_recvmsg inet_recvmsg", "network read"],
  ["schedule_timeout unix_stream_data_wait unix_stream_read_generic unix_stream_recvmsg", "network read"],
  ["schedule_timeout wait_woken sk_stream_wait_memory tcp_sendmsg_locked tcp_sendmsg", "network write"],
  ["schedule_timeout inet_csk_accept inet_accept do_accept __sys_accept4", "new connection"],
  ["anon_pipe_read vfs_read ksys_read do_syscall_64", "pipe"],
  ["pipe_read vfs_read ksys_read do_syscall_64", "pipe"],
  ["do_wait kernel_wait4 __do_sys_wait4 do_syscall_64", "child process"],
  ["io_schedule blkdev_direct_IO blkdev_read_iter vfs_read ksys_pread64", "disk I/O"],
  ["io_schedule folio_wait_bit_common filemap_fault __do_fault handle_mm_fault exc_page_fault", "page fault"],
  ["io_schedule folio_wait_bit_common filemap_get_pages filemap_read vfs_read", "disk I/O"],
  ["jbd2_log_wait_commit ext4_sync_file do_fsync __x64_sys_fsync", "disk I/O"],
  ["rwsem_down_read_slowpath down_read do_madvise __x64_sys_madvise", "kernel lock"],
  ["do_signal_stop get_signal arch_do_signal_or_restart", "stopped"],
  ["sigsuspend __x64_sys_rt_sigsuspend do_syscall_64", "signal"],
  ["io_cqring_wait __do_sys_io_uring_enter do_syscall_64", "io_uring"],
  ["some_driver_ioctl __x64_sys_ioctl do_syscall_64", ""],
  ["", ""],
];

Deno.test("waitReason() says what a thread waited for, by the functions of the kernel it was in", () => {
  for (const [functions, reason] of seen) {
    assert.equal(waitReason(functions.split(" "), false), reason, functions);
  }
});

Deno.test("waitReason() is the CPU for a thread that was runnable, whatever it was doing", () => {
  assert.equal(waitReason(["anon_pipe_read"], true), "CPU");
  assert.equal(waitReason([], true), "CPU");
});
