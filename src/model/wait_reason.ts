/** What a thread waited for, as people say it; `""` where the kernel's functions do not tell. */
export type WaitReason =
  | ""
  | "CPU"
  | "lock (futex)"
  | "poll"
  | "network read"
  | "network write"
  | "new connection"
  | "connect"
  | "sleep"
  | "page fault"
  | "disk I/O"
  | "pipe"
  | "child process"
  | "signal"
  | "terminal"
  | "io_uring"
  | "event"
  | "file lock"
  | "semaphore"
  | "kernel lock"
  | "stopped";

/** Functions of Linux 6.1 to 6.18 from which on the reason is certain; the first that a stack meets, from its leaf, decides. */
const reasons: readonly (readonly [RegExp, WaitReason])[] = [
  [/^(__)?futex_|^do_futex$/, "lock (futex)"],
  [/^(ep_poll|do_epoll_|do_sys_poll|do_poll|do_select|core_sys_select|poll_schedule_timeout)/, "poll"],
  [/^(inet_csk_accept|inet_csk_wait_for_connect|inet_accept|unix_accept|vsock_accept)/, "new connection"],
  [
    /^(inet_wait_for_connect|__inet_stream_connect|inet_stream_connect|unix_stream_connect|unix_wait_for_peer)/,
    "connect",
  ],
  [
    /^(sk_wait_data|tcp_recvmsg|udpv?6?_recvmsg|udp_recvmsg|__skb_wait_for_more_packets|__skb_recv_|unix_stream_read|unix_stream_data_wait|unix_dgram_recvmsg|sock_recvmsg|sock_read_iter|packet_recvmsg|netlink_recvmsg)/,
    "network read",
  ],
  [
    /^(sk_stream_wait_|tcp_sendmsg|sock_alloc_send_|sock_wait_for_wmem|sock_sendmsg|sock_write_iter)/,
    "network write",
  ],
  [/^(do_nanosleep|hrtimer_nanosleep|common_nsleep|msleep)/, "sleep"],
  [/^(pipe_read|pipe_write|anon_pipe_read|anon_pipe_write|pipe_wait_|wait_for_partner)/, "pipe"],
  [/^(do_wait|kernel_wait4|kernel_waitid|__do_wait|wait_for_vfork_done)$/, "child process"],
  [/^(sigsuspend|do_sigtimedwait|do_pause|__x64_sys_pause|__arm64_sys_pause)/, "signal"],
  [/^(n_tty_read|n_tty_write|tty_read|tty_write)/, "terminal"],
  [/^(io_cqring_wait|io_sq_thread|io_wq_)/, "io_uring"],
  [/^(eventfd_read|timerfd_read|inotify_read|signalfd_read|fanotify_read|do_mq_timed|wq_sleep)/, "event"],
  [/^(posix_lock_inode_wait|locks_lock_inode_wait|flock_lock_inode_wait|fcntl_setlk)/, "file lock"],
  [/^(__?do_semtimedop|do_semtimedop|do_msgrcv|do_msgsnd)/, "semaphore"],
  [/^(do_signal_stop|ptrace_stop|do_jobctl_trap|do_freezer_trap|__refrigerator)/, "stopped"],
  [
    /^(io_schedule|folio_wait_|wait_on_page_|blk_|blkdev_|submit_bio_wait|__iomap_dio_rw|iomap_dio_|__blockdev_direct_IO|jbd2_|ext4_|xfs_|btrfs_|file_write_and_wait_range|filemap_|vfs_fsync|do_fsync|sync_)/,
    "disk I/O",
  ],
  [/^(__mutex_lock|mutex_lock|__rwsem_|rwsem_down|down_read|down_write|__down|down_)/, "kernel lock"],
];
const pageFault = /^((asm_)?exc_page_fault|handle_mm_fault|do_user_addr_fault|do_page_fault|el0_da)$/;

/**
 * Tells why a thread was off its CPU from the kernel's part of its stack, leaf first. A thread that was runnable all the time
 * waited for a CPU, whatever it was doing.
 */
export function waitReason(kernelFunctions: readonly string[], runnable: boolean): WaitReason {
  if (runnable) return "CPU";
  if (kernelFunctions.some((name) => pageFault.test(name))) return "page fault";
  for (const name of kernelFunctions) {
    const found = reasons.find(([pattern]) => pattern.test(name));
    if (found !== undefined) return found[1];
  }
  return "";
}
