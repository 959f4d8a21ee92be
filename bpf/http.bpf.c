// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "http_maps.bpf.h"

#include <bpf/bpf_tracing.h>

#include "http_call.bpf.h"
#include "http_connection.bpf.h"
#include "http_life.bpf.h"
#include "http_tls.bpf.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define MSG_PEEK 2

EMIT_RECORD(http_sample_event);
EMIT_RECORD(http_pending_event);

static const struct http_connection_value new_connection;

static __always_inline bool is_stream(const struct sock *sk) {
  __u16 family = sk->__sk_common.skc_family;

  return sk->sk_type == SOCK_STREAM &&
         (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

/* Looks at what a call read or wrote on a connection. */
static __always_inline void take_bytes(struct http_connection_value *connection,
                                       struct http_process_value *process, struct pt_regs *regs,
                                       __u32 bytes, __u32 direction, __u64 key) {
  struct message message = {.direction = direction, .key = key};

  switch (find_source(bpf_get_current_task_btf(), regs, bytes, &message.source)) {
  case SOURCE_READABLE:
    if (!read_head(&message))
      break;
    message.at_boot_ns = bpf_ktime_get_boot_ns();
    on_message(connection, process, &message);
    return;
  case SOURCE_FILE:
    return;
  case SOURCE_IO_URING:
    if (!connection->first_direction)
      connection->first_direction = 1 + direction;
    decide(connection, process, CONNECTION_IO_URING);
    return;
  case SOURCE_OTHER_CALL:
    if (!connection->first_direction)
      connection->first_direction = 1 + direction;
    decide(connection, process, CONNECTION_OTHER_CALL);
    return;
  default:
    break;
  }
  __sync_fetch_and_add(&process->unreadable, 1);
}

static __always_inline int on_socket(struct sock *sk, int result, __u32 direction) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct http_connection_value *connection;
  struct http_process_value *process;

  if (result <= 0 || !may_be_watched(tgid) || !is_stream(sk))
    return 0;
  connection = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (!connection) {
    if (!find_watched(tgid))
      return 0;
    connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!connection)
      return 0;
  }
  process = find_user(connection, tgid);
  if (!process || is_settled(connection, process))
    return 0;
  take_bytes(connection, process, (void *)bpf_task_pt_regs(bpf_get_current_task_btf()), result,
             direction, (__u64)(long)sk);
  return 0;
}

/*
 * Look at what sockets send and receive.
 *
 * Hook: tp_btf of the sock events: they fire in send and receive alone, after the copy, in the
 * caller's context, and cost other system calls nothing. Linux 6.3 and newer.
 *
 * Cost: about 10 ns for processes that nobody watches; 0.3 us a message of a watched one.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(http_send, struct sock *sk, int result, int flags) {
  return on_socket(sk, result, OUT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(http_receive, struct sock *sk, int result, int flags) {
  return flags & MSG_PEEK ? 0 : on_socket(sk, result, IN);
}

/* Direction of a call that moves bytes, -1 for all others. */
static __always_inline int call_direction(const struct pt_regs *regs) {
  switch (regs->orig_ax) {
  case CALL_READ:
  case CALL_READV:
  case CALL_PREADV2:
    return IN;
  case CALL_RECVFROM:
    return regs->r10 & MSG_PEEK ? -1 : IN;
  case CALL_RECVMSG:
    return regs->dx & MSG_PEEK ? -1 : IN;
  case CALL_WRITE:
  case CALL_WRITEV:
  case CALL_PWRITEV2:
  case CALL_SENDTO:
  case CALL_SENDMSG:
    return OUT;
  }
  return -1;
}

/* State of the connection behind an fd of the current process; NULL when it is no stream socket. */
static __always_inline struct http_connection_value *find_by_fd(__u64 fd, __u64 *key) {
  struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
  struct http_connection_value *connection;
  struct file **files = table->fd, *file = NULL;
  struct inode *inode;
  struct socket *socket;
  struct sock *sk;
  __u16 family;

  if (fd >= table->max_fds || bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
    return NULL;
  inode = BPF_CORE_READ(file, f_inode);
  if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
    return NULL;
  *key = BPF_CORE_READ(inode, i_ino);
  connection = bpf_map_lookup_elem(&sockets_by_inode, key);
  if (connection)
    return connection;
  socket = BPF_CORE_READ(file, private_data);
  sk = BPF_CORE_READ(socket, sk);
  family = BPF_CORE_READ(sk, __sk_common.skc_family);
  if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM ||
      (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
    return NULL;
  bpf_map_update_elem(&sockets_by_inode, key, &new_connection, BPF_NOEXIST);
  return bpf_map_lookup_elem(&sockets_by_inode, key);
}

/*
 * The same where the kernel does not have those events.
 *
 * Hook: tp_btf/sys_exit, at which arguments are still in the registers and buffers are filled.
 *
 * Cost: about 90 ns for every system call of the host; 0.4 us a message of a watched process.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(http_call_end, struct pt_regs *regs, long result) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct http_connection_value *connection;
  struct http_process_value *process;
  int direction;
  __u64 key = 0;

  if (result <= 0 || !find_watched(tgid) || is_compat(bpf_get_current_task_btf()))
    return 0;
  direction = call_direction(regs);
  if (direction < 0)
    return 0;
  connection = find_by_fd(regs->di, &key);
  process = connection ? find_user(connection, tgid) : NULL;
  if (!process || is_settled(connection, process))
    return 0;
  take_bytes(connection, process, regs, result, direction, key);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
