// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The other way to watch HTTP: sends the head of every message of one process to user space. */
#include "http_message.bpf.h"

#include <bpf/bpf_tracing.h>

#include "http_call.bpf.h"

#define SHIPPED_BYTES 128

const volatile __u32 target = 0;
const volatile __u64 wake_up = BPF_RB_NO_WAKEUP; /* 0: one for each record, if the reader waits */

struct shipped {
  __u64 at_boot_ns;
  __u64 connection;
  __u32 direction;
  __u32 bytes;
  char text[SHIPPED_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} ring SEC(".maps");

__u64 lost = 0;

static __always_inline int ship(struct sock *sk, int result, __u32 direction) {
  struct message message = {.direction = direction};
  struct task_struct *task = bpf_get_current_task_btf();
  struct shipped *shipped;
  __u64 buffer;
  __u32 bytes;

  if (result <= 0 || bpf_get_current_pid_tgid() >> 32 != target)
    return 0;
  if (find_source(task, (void *)bpf_task_pt_regs(task), result, &message.source) !=
          SOURCE_READABLE ||
      !read_head(&message))
    return 0;
  if (!parse_request(message.head) && !parse_status(message.head))
    return 0;
  buffer = find_buffer(&message.source, 0, &bytes);
  shipped = bpf_ringbuf_reserve(&ring, sizeof(*shipped), 0);
  if (!shipped) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  shipped->at_boot_ns = bpf_ktime_get_boot_ns();
  shipped->connection = (__u64)(long)sk;
  shipped->direction = direction;
  shipped->bytes = at_most(bytes, SHIPPED_BYTES);
  bpf_probe_read_user(shipped->text, at_most(bytes, SHIPPED_BYTES), (void *)buffer);
  bpf_ringbuf_submit(shipped, wake_up);
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(ship_send, struct sock *sk, int result, int flags) {
  return ship(sk, result, OUT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(ship_receive, struct sock *sk, int result, int flags) {
  return ship(sk, result, IN);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
