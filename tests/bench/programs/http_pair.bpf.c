// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The first program that paired requests and responses in the kernel, before there were latency
 * buckets, URI filters, samples, places and TLS: the least that our programs are measured against.
 * It counts in one block a process and CPU.
 */
#include "http_message.bpf.h"

#include <bpf/bpf_tracing.h>

#include "http_call.bpf.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define MSG_PEEK 2
#define UNKNOWN_AFTER 32
#define UNKNOWN_STRIDE 64
#define EARLY_RESPONSE_NS 1000000

enum pair_role { ROLE_UNKNOWN = 0, ROLE_SERVER = 1, ROLE_CLIENT = 2, ROLE_HTTP2 = 3 };

struct pair_counts {
  __u64 requests;
  __u64 errors_4xx;
  __u64 errors_5xx;
  __u64 sum_ns;
  __u64 max_ns;
  __u64 epoch; /* of max_ns */
  __u64 pipelined;
  __u64 overwritten;
  __u64 unreadable;
};

struct pair_connection {
  __u64 start_ns;
  __u64 early_ns;
  __u32 in_bytes;
  __u32 out_bytes;
  __u16 early_status;
  __u16 misses;
  __u8 role;
  __u8 pending;
  __u8 fragment_bytes;
  __u8 fragment_direction;
  __u8 fragment[12];
};

/* Thread group ids modulo 65,536, a bit each. */
__u64 watch_bits[1024] = {};
/* Raised by user space when it has read the counts: max_ns then begins anew. */
__u64 epoch = 0;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct pair_counts);
} watched SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct pair_connection);
} connections SEC(".maps");

static __always_inline void count(struct pair_counts *counts, __u32 status, __u64 latency_ns) {
  counts->requests++;
  if (status >= 500)
    counts->errors_5xx++;
  else if (status >= 400)
    counts->errors_4xx++;
  counts->sum_ns += latency_ns;
  if (counts->epoch != epoch) {
    counts->epoch = epoch;
    counts->max_ns = latency_ns;
  } else if (latency_ns > counts->max_ns) {
    counts->max_ns = latency_ns;
  }
}

static __always_inline void join(struct pair_connection *connection, struct message *message) {
  __u32 kept = connection->fragment_bytes, shift = 8 * kept;
  __u64 low = message->head[0], high = message->head[1];
  __u64 first = *(__u64 *)connection->fragment, second = *(__u32 *)(connection->fragment + 8);

  connection->fragment_bytes = 0;
  if (kept == 0 || kept >= LEAST_HEAD_BYTES || connection->fragment_direction != message->direction)
    return;
  if (shift < 64) {
    message->head[0] = low << shift | (first & FIRST(kept));
    message->head[1] = high << shift | low >> (64 - shift);
  } else {
    shift -= 64;
    message->head[0] = first;
    message->head[1] = shift ? low << shift | (second & ((1ULL << shift) - 1)) : low;
  }
  message->head_bytes += kept;
}

static __always_inline void take_request(struct pair_connection *connection,
                                         struct pair_counts *counts,
                                         const struct message *message) {
  __u8 role = message->direction == IN ? ROLE_SERVER : ROLE_CLIENT;

  if (!connection->role)
    connection->role = role;
  if (connection->role != role)
    return;
  if (connection->early_ns) {
    bool paired = message->at_boot_ns - connection->early_ns < EARLY_RESPONSE_NS;

    connection->early_ns = 0;
    if (paired) {
      count(counts, connection->early_status, 1000);
      connection->pending = 0;
      return;
    }
  }
  if (connection->pending)
    counts->overwritten++;
  connection->pending = 1;
  connection->start_ns = message->at_boot_ns;
  connection->in_bytes = message->direction == IN ? message->source.bytes : 0;
  connection->out_bytes = message->direction == IN ? 0 : message->source.bytes;
}

static __always_inline void take_response(struct pair_connection *connection,
                                          struct pair_counts *counts, const struct message *message,
                                          __u32 status) {
  if (connection->role != (message->direction == OUT ? ROLE_SERVER : ROLE_CLIENT))
    return;
  if (status < 200 && status != 101)
    return;
  if (!connection->pending) {
    if (connection->role == ROLE_CLIENT) {
      connection->early_ns = message->at_boot_ns;
      connection->early_status = status;
      return;
    }
    counts->pipelined++;
  }
  connection->pending = 0;
  count(counts, status, message->at_boot_ns - connection->start_ns);
}

static __always_inline void take(struct pair_connection *connection, struct pair_counts *counts,
                                 struct message *message) {
  __u32 status;

  if (message->direction == IN)
    connection->in_bytes += message->source.bytes;
  else
    connection->out_bytes += message->source.bytes;
  join(connection, message);
  if (message->head_bytes < LEAST_HEAD_BYTES) {
    if (begins_http(message->head[0])) {
      *(__u64 *)connection->fragment = message->head[0];
      *(__u32 *)(connection->fragment + 8) = message->head[1];
      connection->fragment_bytes = message->head_bytes;
      connection->fragment_direction = message->direction;
    }
    return;
  }
  if (parse_request(message->head)) {
    take_request(connection, counts, message);
    return;
  }
  status = parse_status(message->head);
  if (status)
    take_response(connection, counts, message, status);
  else if (begins_http2(message->head))
    connection->role = ROLE_HTTP2;
  else if (connection->misses < 0xffff)
    connection->misses++;
}

static __always_inline int on_socket(struct sock *sk, int result, int flags, __u32 direction) {
  struct message message = {.direction = direction};
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct pair_connection *connection;
  struct pair_counts *counts;
  __u16 family;

  if (result <= 0 || !(watch_bits[tgid >> 6 & 1023] & 1ULL << (tgid & 63)))
    return 0;
  counts = bpf_map_lookup_elem(&watched, &tgid);
  if (!counts || sk->sk_type != SOCK_STREAM || (direction == IN && flags & MSG_PEEK))
    return 0;
  family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
    return 0;
  connection = bpf_sk_storage_get(&connections, sk, 0, 0);
  if (connection &&
      (connection->role == ROLE_HTTP2 || (!connection->role && connection->misses > UNKNOWN_AFTER &&
                                          connection->misses % UNKNOWN_STRIDE))) {
    connection->misses++;
    return 0;
  }
  if (find_source(task, (void *)bpf_task_pt_regs(task), result, &message.source) !=
      SOURCE_READABLE) {
    if (connection && direction == OUT)
      connection->out_bytes += result;
    return 0;
  }
  if (!read_head(&message)) {
    counts->unreadable++;
    return 0;
  }
  if (!connection)
    connection = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!connection)
    return 0;
  message.at_boot_ns = bpf_ktime_get_ns();
  take(connection, counts, &message);
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(pair_send, struct sock *sk, int result, int flags) {
  return on_socket(sk, result, flags, OUT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(pair_receive, struct sock *sk, int result, int flags) {
  return on_socket(sk, result, flags, IN);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
