/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams of UDP, and DNS in them: queries by socket and id, until they are answered. */
#ifndef STAKEOUT_NETWORK_DNS_BPF_H
#define STAKEOUT_NETWORK_DNS_BPF_H

#include "http_call.bpf.h"
#include "network_path.bpf.h"

#define DNS_PORT 53
#define DNS_HEADER_BYTES 12
#define DNS_NXDOMAIN 3
#define MAX_BATCH 4 /* messages of one sendmmsg that are looked at */

/* A socket's address as user space lays it out: family, port, then IPv4 at 4 or IPv6 at 8. */
struct address_of_user {
  __u16 family;
  __u16 port;
  __u32 v4;
  __u8 v6[16];
};

/* One of the messages of sendmmsg and recvmmsg. */
struct batch_of_user {
  struct header_of_user header;
  __u64 rest[4];
};

/* Reads where the current call sends a datagram to; 0 in `family` when it does not say. */
static __always_inline void read_destination(struct task_struct *task, const struct pt_regs *regs,
                                             struct address_of_user *address) {
  struct header_of_user header = {};
  __u64 place = 0;

  if (is_compat(task))
    return;
  switch (regs->orig_ax) {
  case CALL_SENDTO:
    place = regs->r8;
    break;
  case CALL_SENDMSG:
  case CALL_SENDMMSG:
    if (!bpf_probe_read_user(&header, sizeof(header), (void *)regs->si))
      place = header.name;
    break;
  }
  if (place && bpf_probe_read_user(address, sizeof(*address), (void *)place) &&
      bpf_probe_read_user(address, 16, (void *)place))
    address->family = 0;
}

/* Edge of a datagram, whose peer the socket or the call says, or nobody. */
static __always_inline __u32 edge_of_datagram(const struct sock *sk,
                                              const struct address_of_user *address, __u32 number,
                                              __u8 role) {
  struct network_edge_key key = {.number = number, .protocol = NETWORK_UDP, .role = role};

  put_addresses(&key, sk);
  key.network_namespace = namespace_of(sk);
  key.port = role == NETWORK_SERVER ? sk->__sk_common.skc_num : remote_port(sk);
  if (!sk->__sk_common.skc_dport && address->family) {
    if (role != NETWORK_SERVER)
      key.port = __builtin_bswap16(address->port);
    if (address->family == AF_INET) {
      __builtin_memset(key.remote, 0, sizeof(key.remote));
      *(__u32 *)key.remote = address->v4;
      key.family = 4;
    } else if (address->family == AF_INET6) {
      __builtin_memcpy(key.remote, address->v6, sizeof(key.remote));
      key.family = 6;
      undress(&key);
    }
  }
  return edge_or_merged(&key, NULL);
}

/* Remembers a query. One that is remembered already is the same: sendmmsg shows each several times.
 */
static __always_inline void remember_query(struct network_query_key *key, __u32 edge,
                                           __u64 question, __u32 bytes, __u64 at_boot_ns) {
  __u32 zero = 0;
  struct network_query_value *query = bpf_map_lookup_elem(&new_query, &zero);
  long result;

  if (!query || bpf_map_lookup_elem(&queries, key))
    return;
  query->started_boot_ns = at_boot_ns;
  query->edge = edge;
  bytes = at_most(bytes, QUESTION_BYTES);
  query->question_bytes = bytes;
  if (bytes && bpf_probe_read_user(query->question, bytes, (void *)question))
    query->question_bytes = 0;
  result = bpf_map_update_elem(&queries, key, query, BPF_NOEXIST);
  if (result && result != -EEXIST)
    count_loss(LOSS_NAMES);
}

static __always_inline void on_answer(struct network_query_key *key, __u32 code, __u64 at_boot_ns) {
  struct network_query_value *query = bpf_map_lookup_elem(&queries, key);
  struct network_edge_value *edge = query ? find_edge(query->edge) : NULL;
  struct network_dns_event *event;
  __u64 latency_ns;

  if (!edge)
    return;
  latency_ns = at_boot_ns - query->started_boot_ns;
  count_request(counters_of(&edge->dns),
                code == 0              ? 200
                : code == DNS_NXDOMAIN ? 404
                                       : 500,
                latency_ns);
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (event) {
    event->kind = RECORD_DNS;
    event->edge = query->edge;
    event->latency_ns = latency_ns;
    event->code = code;
    event->question_bytes = query->question_bytes;
    __builtin_memcpy(event->question, query->question, QUESTION_BYTES);
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  } else
    count_loss(LOSS_NAMES);
  bpf_map_delete_elem(&queries, key);
}

/* Takes one DNS message whose header begins at `buffer`. */
static __always_inline void on_dns(__u64 connection, __u32 edge, __u64 buffer, __u32 bytes,
                                   __u64 at_boot_ns) {
  struct network_query_key key = {.connection = connection};
  __u8 header[DNS_HEADER_BYTES];

  if (bytes < DNS_HEADER_BYTES || bpf_probe_read_user(header, sizeof(header), (void *)buffer))
    return;
  key.id = header[0] << 8 | header[1];
  /* A standard query or its answer, with one question. */
  if (header[2] & 0x78 || header[4] || header[5] != 1)
    return;
  if (header[2] & 0x80)
    on_answer(&key, header[3] & 15, at_boot_ns);
  else
    remember_query(&key, edge, buffer + DNS_HEADER_BYTES, bytes - DNS_HEADER_BYTES, at_boot_ns);
}

static __always_inline __u64 first_buffer(const struct header_of_user *header, __u32 *bytes) {
  struct iovec_of_user iovec = {};

  if (bpf_probe_read_user(&iovec, sizeof(iovec), (void *)header->iovecs))
    return 0;
  *bytes = iovec.bytes > 65535 ? 65535 : iovec.bytes;
  return iovec.base;
}

/* Looks at the DNS of a call, which may send several queries. */
static __always_inline void take_dns(struct task_struct *task, struct pt_regs *regs, __u32 bytes,
                                     __u64 connection, __u32 edge) {
  __u64 at_boot_ns = bpf_ktime_get_boot_ns(), buffer;
  struct source source = {};
  __u32 got;

  if (find_source(task, regs, bytes, &source) == SOURCE_READABLE) {
    buffer = find_buffer(&source, 0, &got);
    on_dns(connection, edge, buffer, bytes, at_boot_ns);
    return;
  }
  if (is_compat(task) || regs->orig_ax != CALL_SENDMMSG) {
    count_loss(LOSS_NAMES);
    return;
  }
  for (__u32 i = 0; i < MAX_BATCH && i < regs->dx; i++) {
    struct header_of_user header = {};

    if (bpf_probe_read_user(&header, sizeof(header),
                            (void *)(regs->si + i * sizeof(struct batch_of_user))))
      return;
    got = 0;
    buffer = first_buffer(&header, &got);
    on_dns(connection, edge, buffer, got, at_boot_ns);
  }
}

/* Takes one datagram that a watched process sent or received. */
static __always_inline void on_datagram(struct connection *connection, struct sock *sk,
                                        __u32 number, __u32 bytes, __u32 direction) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
  struct address_of_user address = {};
  struct network_edge_value *edge;
  bool connected = sk->__sk_common.skc_dport != 0;
  __u32 before = connection->edge;

  if (!connection->role)
    connection->role = direction == OUT ? NETWORK_CLIENT : NETWORK_SERVER;
  if (!connected && direction == OUT)
    read_destination(task, regs, &address);
  /* A client's answer comes from where it sent to; a server's caller is not known here. */
  if (!before || connection->number != number ||
      (!connected && (direction == OUT || connection->role == NETWORK_SERVER)))
    connection->edge = edge_of_datagram(sk, &address, number, connection->role);
  edge = find_edge(connection->edge);
  if (!edge) {
    count_loss(LOSS_UNTRACKED);
    return;
  }
  if (connection->edge != before && connection->number != number)
    __sync_fetch_and_add(&edge->opened, 1);
  connection->number = number;
  if (direction == OUT) {
    __sync_fetch_and_add(&edge->sent_messages, 1);
    __sync_fetch_and_add(&edge->sent_bytes, bytes);
  } else {
    __sync_fetch_and_add(&edge->received_messages, 1);
    __sync_fetch_and_add(&edge->received_bytes, bytes);
  }
  if (edge->port == DNS_PORT)
    take_dns(task, regs, bytes, id_of(connection), connection->edge);
}

#endif
