/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Follows TCP connections from SYN to their end, and finds those that were there before. */
#ifndef STAKEOUT_NETWORK_TCP_BPF_H
#define STAKEOUT_NETWORK_TCP_BPF_H

#include <bpf/bpf_tracing.h>

#include "latency.bpf.h"
#include "network_edge.bpf.h"
#include "network_sample.bpf.h"

#define ECONNREFUSED 111
#define ETIMEDOUT 110
#define RCV_SHUTDOWN 1

static __always_inline bool is_tcp(const struct sock *sk) {
  __u16 family = sk->__sk_common.skc_family;

  return sk->sk_type == SOCK_STREAM && (family == AF_INET || family == AF_INET6);
}

static __always_inline void take_total(__u64 *known, __u64 now, __u64 *sum) {
  __u64 before = __sync_lock_test_and_set(known, now);

  if ((__s64)(now - before) > 0)
    __sync_fetch_and_add(sum, now - before);
}

/* Counts the bytes of a connection by TCP's own counts. */
static __always_inline void take_bytes(struct connection *connection, const struct sock *sk,
                                       const struct tcp_sock *tcp,
                                       struct network_edge_value *edge) {
  __u64 received_bytes = tcp->bytes_received, sent_bytes = tcp->bytes_sent - tcp->bytes_retrans;

  if (received_bytes && sk->sk_shutdown & RCV_SHUTDOWN)
    received_bytes--;
  if (received_bytes + sent_bytes != connection->received_bytes + connection->sent_bytes)
    connection->moved = 1;
  take_total(&connection->received_bytes, received_bytes, &edge->received_bytes);
  take_total(&connection->sent_bytes, sent_bytes, &edge->sent_bytes);
}

/* Counts what the kernel says of a connection: segments sent again, and its round trip time. */
static __always_inline void take_quality(struct connection *connection, struct sock *sk) {
  struct network_edge_value *edge = find_edge(connection->edge);
  struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
  __u32 now, before, rtt_us;

  if (!edge || !tcp)
    return;
  if (counts_segments)
    take_bytes(connection, sk, tcp, edge);
  now = tcp->total_retrans;
  before = __sync_lock_test_and_set(&connection->retransmits, now);
  if (now != before)
    __sync_fetch_and_add(&edge->retransmits, now - before);
  rtt_us = tcp->srtt_us >> 3;
  if (!rtt_us || !__sync_lock_test_and_set(&connection->moved, 0))
    return;
  __sync_fetch_and_add(&edge->rtt_sum_us, rtt_us);
  __sync_fetch_and_add(&edge->rtt_samples, 1);
  raise(&edge->rtt_max_us, rtt_us);
  raise(&edge->rtt_least_inverse, ~(__u64)rtt_us);
}

static __always_inline void on_connected(struct connection *connection, struct sock *sk) {
  __u64 connect_ns = bpf_ktime_get_boot_ns() - connection->connect_boot_ns;
  struct network_edge_value *edge;

  connection->edge = 0;
  connection->closed = 0;
  take_over(connection, sk, connection->number);
  edge = find_edge(connection->edge);
  if (!edge)
    return;
  __sync_fetch_and_add(&edge->connects, 1);
  __sync_fetch_and_add(&edge->connect_sum_ns, connect_ns);
  raise(&edge->connect_max_ns, connect_ns);
}

static __always_inline void on_connect_failed(struct connection *connection, struct sock *sk) {
  __u32 index = edge_of_tcp(sk, connection->number, NETWORK_CLIENT, 0);
  struct network_edge_value *edge = find_edge(index);
  struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
  __u32 failure = CONNECT_FAILED;

  connection->number = 0;
  if (!edge)
    return;
  if (sk->sk_err == ECONNREFUSED)
    failure = CONNECT_REFUSED;
  else if (sk->sk_err == ETIMEDOUT)
    failure = CONNECT_TIMED_OUT;
  __sync_fetch_and_add(&edge->connects, 1);
  __sync_fetch_and_add(&edge->connect_failures[failure], 1);
  if (tcp && tcp->total_retrans)
    __sync_fetch_and_add(&edge->retransmits, tcp->total_retrans);
}

static __always_inline void on_closed(struct connection *connection, struct sock *sk,
                                      int old_state) {
  struct network_edge_value *edge;
  __u32 reason;

  if (connection->closed)
    return;
  /* Accepted, and ended before a byte was read: who listens has it. */
  if (!connection->edge)
    take_over(connection, sk, connection->number);
  connection->closed = 1;
  connection->moved = 1;
  take_quality(connection, sk);
  end_sample(connection);
  edge = find_edge(connection->edge);
  if (!edge)
    return;
  if (connection->counted)
    __sync_fetch_and_add(&edge->open, -1);
  connection->counted = 0;
  reason = connection->ended_by ? connection->ended_by - 1 : CLOSED_BY_LOCAL;
  if (sk->sk_err == ETIMEDOUT)
    reason = CLOSED_BY_TIMEOUT;
  /* A process that leaves bytes unread resets; so does one that asked for no lingering. */
  else if (connection->reset_received || old_state == TCP_ESTABLISHED ||
           old_state == TCP_CLOSE_WAIT)
    reason = CLOSED_BY_RESET;
  __sync_fetch_and_add(&edge->closed[reason & 3], 1);
  if (connection->reset_received)
    __sync_fetch_and_add(&edge->resets_received, 1);
}

/* Whether both ends can be on this host: a connection to an address of one's own comes from it. */
static __always_inline bool is_local(const struct network_edge_key *key) {
  return is_loopback(key->family, key->remote) ||
         (*(__u64 *)key->local == *(__u64 *)key->remote &&
          *(__u64 *)(key->local + 8) == *(__u64 *)(key->remote + 8));
}

/* What a process does to a socket of its own: it is the current one then. */
static __always_inline void on_own_state(struct sock *sk, int new_state) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct watch_value *watch = find_watch(tgid);
  struct network_edge_key addresses = {};
  struct connection *connection;
  __u8 one = 1;
  __u64 key;

  if (!watch) {
    if (new_state == TCP_LISTEN)
      return;
    put_addresses(&addresses, sk);
    if (!is_local(&addresses))
      return;
  }
  connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!connection) {
    count_loss(LOSS_UNTRACKED);
    return;
  }
  __builtin_memset(connection, 0, sizeof(*connection));
  connection->number = watch ? watch->number : 0;
  if (new_state == TCP_LISTEN) {
    connection->listens = 1;
    key = port_key(namespace_of(sk), sk->__sk_common.skc_num);
    bpf_map_update_elem(&listening, &key, &one, BPF_ANY);
    return;
  }
  connection->role = NETWORK_CLIENT;
  connection->connector = tgid;
  connection->connect_boot_ns = bpf_ktime_get_boot_ns();
}

/*
 * Follows a connection's states.
 *
 * Hook: tp_btf/inet_sock_set_state, before the state is set. Of what arrives it runs in a softirq:
 * the current task is anybody's.
 *
 * Cost: 20 ns for sockets of nobody who is watched; 0.5 us a connection.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_state, struct sock *sk, int old_state, int new_state) {
  struct connection *connection;

  if (!is_tcp(sk))
    return 0;
  if (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN) {
    on_own_state(sk, new_state);
    return 0;
  }
  connection = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (!connection)
    return 0;
  if (old_state == TCP_SYN_SENT && new_state == TCP_ESTABLISHED && connection->connector)
    remember_connector(sk, connection->connector);
  if (!connection->number)
    return 0;
  if (old_state == TCP_SYN_SENT) {
    if (new_state == TCP_ESTABLISHED)
      on_connected(connection, sk);
    else if (new_state == TCP_CLOSE)
      on_connect_failed(connection, sk);
    return 0;
  }
  if (old_state == TCP_SYN_RECV && new_state == TCP_ESTABLISHED) {
    __u32 number = connection->number;

    __builtin_memset(connection, 0, sizeof(*connection));
    connection->number = number;
    connection->role = NETWORK_SERVER;
    connection->port = sk->__sk_common.skc_num;
    return 0;
  }
  if (connection->listens)
    return 0;
  if (new_state == TCP_CLOSE_WAIT && !connection->ended_by)
    connection->ended_by = 1 + CLOSED_BY_REMOTE;
  else if (new_state == TCP_FIN_WAIT1 && !connection->ended_by)
    connection->ended_by = 1 + CLOSED_BY_LOCAL;
  else if (new_state == TCP_CLOSE)
    on_closed(connection, sk, old_state);
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(network_reset_received, struct sock *sk) {
  struct connection *connection = bpf_sk_storage_get(&sockets, sk, 0, 0);

  if (connection && !connection->listens)
    connection->reset_received = 1;
  return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(network_reset_sent, struct sock *sk) {
  struct connection *connection;
  struct network_edge_value *edge;

  if (!sk)
    return 0;
  connection = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (!connection || connection->listens)
    return 0;
  edge = find_edge(connection->edge);
  if (edge)
    __sync_fetch_and_add(&edge->resets_sent, 1);
  return 0;
}

/* Takes over a socket that a process has open. */
static __always_inline void adopt(struct sock *sk, __u32 number) {
  bool listens = sk->__sk_common.skc_state == TCP_LISTEN;
  struct connection *connection;
  struct tcp_sock *tcp;
  __u8 one = 1;
  __u64 key;

  if (listens != (adoption == 1) || sk->__sk_common.skc_state == TCP_CLOSE ||
      sk->__sk_common.skc_state == TCP_SYN_SENT)
    return;
  connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!connection) {
    count_loss(LOSS_UNTRACKED);
    return;
  }
  /* Known already, as by another process that has it open; or accepted a moment ago. */
  if (connection->number && (listens || connection->edge))
    return;
  if (!listens) {
    tcp = bpf_skc_to_tcp_sock(sk);
    if (tcp && !connection->number) {
      connection->retransmits = tcp->total_retrans;
      connection->received_bytes = tcp->bytes_received;
      connection->sent_bytes = tcp->bytes_sent - tcp->bytes_retrans;
    }
    take_over(connection, sk, number);
    return;
  }
  connection->number = number;
  connection->listens = 1;
  key = port_key(namespace_of(sk), sk->__sk_common.skc_num);
  bpf_map_update_elem(&listening, &key, &one, BPF_ANY);
}

/*
 * Takes over the TCP sockets of a process: those that listen, or all others.
 *
 * Hook: iter/task_file of one process, by user space, twice when the process is covered.
 *
 * Cost: 1 to 3 us an open file.
 */
SEC("iter/task_file")
int adopt_sockets(struct bpf_iter__task_file *context) {
  struct task_struct *task = context->task;
  struct file *file = context->file;
  struct watch_value *watch;
  struct socket *socket;

  if (!file || !task)
    return 0;
  watch = find_watch(task->tgid);
  socket = bpf_sock_from_file(file);
  if (!watch || !socket || !socket->sk || !is_tcp(socket->sk))
    return 0;
  adopt(socket->sk, watch->number);
  return 0;
}

/*
 * Remembers who holds which end of the connections of this host, and writes who listens.
 *
 * Hook: iter/task_file of all processes, by user space, at the start and when there is an edge to a
 * process of this host that is not known.
 *
 * Cost: 0.2 us an open file, 1 us a socket.
 */
SEC("iter/task_file")
int list_sockets(struct bpf_iter__task_file *context) {
  struct network_listener_event event = {};
  struct task_struct *task = context->task;
  struct file *file = context->file;
  struct socket *socket;

  if (!file || !task)
    return 0;
  socket = bpf_sock_from_file(file);
  if (!socket || !socket->sk || !is_tcp(socket->sk))
    return 0;
  if (socket->sk->__sk_common.skc_state == TCP_ESTABLISHED) {
    remember_connector(socket->sk, task->tgid);
    return 0;
  }
  if (socket->sk->__sk_common.skc_state != TCP_LISTEN)
    return 0;
  event.tgid = task->tgid;
  event.network_namespace = namespace_of(socket->sk);
  event.port = socket->sk->__sk_common.skc_num;
  bpf_seq_write(context->meta->seq, &event, sizeof(event));
  return 0;
}

/*
 * Takes what the kernel knows of each connection that is followed.
 *
 * Hook: iter/bpf_sk_storage_map of `sockets`, by user space, once a second.
 *
 * Cost: 0.2 us a socket.
 */
SEC("iter/bpf_sk_storage_map")
int read_sockets(struct bpf_iter__bpf_sk_storage_map *context) {
  struct connection *connection;
  struct sock *sk = context->sk;

  if (!sk)
    return 0;
  connection = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (!connection || connection->listens)
    return 0;
  end_quiet_sample(connection);
  /* Nobody is seen to read from it: who listens has it. */
  if (counts_segments && is_tcp(sk) && connection->number && !connection->edge &&
      sk->__sk_common.skc_state == TCP_ESTABLISHED)
    take_over(connection, sk, connection->number);
  if (is_tcp(sk) && !connection->closed)
    take_quality(connection, sk);
  return 0;
}

#endif
