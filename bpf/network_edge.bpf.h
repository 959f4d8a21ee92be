/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds the edge that a socket's traffic is counted under. */
#ifndef STAKEOUT_NETWORK_EDGE_BPF_H
#define STAKEOUT_NETWORK_EDGE_BPF_H

#include "network_maps.bpf.h"

/* A server's end is told by the port alone; both ends by these. */
#define FIRST_EPHEMERAL_PORT 32768

static __always_inline __u64 port_key(__u32 network_namespace, __u16 port) {
  return (__u64)network_namespace << 16 | port;
}

static __always_inline __u32 namespace_of(const struct sock *sk) {
  return sk->__sk_common.skc_net.net->ns.inum;
}

static __always_inline __u16 remote_port(const struct sock *sk) {
  return __builtin_bswap16(sk->__sk_common.skc_dport);
}

static __always_inline struct network_edge_value *find_edge(__u32 index) {
  return index ? bpf_map_lookup_elem(&edges, &index) : NULL;
}

static __always_inline bool is_mapped_v4(const __u8 *address) {
  return *(__u64 *)address == 0 && *(__u32 *)(address + 8) == 0xffff0000;
}

static __always_inline bool is_loopback(__u8 family, const __u8 *address) {
  if (family == 4)
    return address[0] == 127;
  return *(__u64 *)address == 0 && *(__u64 *)(address + 8) == 1ULL << 56;
}

/* IPv4 in the clothes of IPv6 is IPv4. */
static __always_inline void undress(struct network_edge_key *key) {
  if (!is_mapped_v4(key->remote))
    return;
  key->family = 4;
  *(__u32 *)key->remote = *(__u32 *)(key->remote + 12);
  *(__u32 *)key->local = is_mapped_v4(key->local) ? *(__u32 *)(key->local + 12) : 0;
  __builtin_memset(key->remote + 4, 0, 12);
  __builtin_memset(key->local + 4, 0, 12);
}

static __always_inline void put_addresses(struct network_edge_key *key, const struct sock *sk) {
  if (sk->__sk_common.skc_family == AF_INET) {
    key->family = 4;
    *(__u32 *)key->local = sk->__sk_common.skc_rcv_saddr;
    *(__u32 *)key->remote = sk->__sk_common.skc_daddr;
    return;
  }
  key->family = 6;
  bpf_probe_read_kernel(key->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
  bpf_probe_read_kernel(key->remote, 16, &sk->__sk_common.skc_v6_daddr);
  undress(key);
}

/* Finds who connected, of a connection that was accepted on this host. */
static __always_inline __u32 find_connector(const struct network_edge_key *key,
                                            const struct sock *sk, __u16 port) {
  struct network_end_key end = {.local_port = remote_port(sk), .remote_port = port};
  __u32 *tgid;

  __builtin_memcpy(end.local, key->remote, sizeof(end.local));
  __builtin_memcpy(end.remote, key->local, sizeof(end.remote));
  if (is_loopback(key->family, key->remote))
    end.network_namespace = key->network_namespace;
  tgid = bpf_map_lookup_elem(&ends, &end);
  return tgid ? *tgid : 0;
}

/* Remembers who connected. */
static __always_inline void remember_connector(const struct sock *sk, __u32 tgid) {
  struct network_edge_key key = {};
  struct network_end_key end = {.local_port = sk->__sk_common.skc_num,
                                .remote_port = remote_port(sk)};

  put_addresses(&key, sk);
  __builtin_memcpy(end.local, key.local, sizeof(end.local));
  __builtin_memcpy(end.remote, key.remote, sizeof(end.remote));
  if (is_loopback(key.family, key.remote))
    end.network_namespace = namespace_of(sk);
  bpf_map_update_elem(&ends, &end, &tgid, BPF_ANY);
}

/* Takes an index, or 0 when there is none left below `limit`. */
static __always_inline __u32 take_index(__u32 *used, __u32 limit) {
  __u32 index;

  if (*used >= limit - 1)
    return 0;
  index = __sync_fetch_and_add(used, 1) + 1;
  return index < limit ? index : 0;
}

/* Index of the edge of a key, which is made when there is none and fewer than `limit`. */
static __attribute__((noinline)) __u32 index_of(const struct network_edge_key *key,
                                                const char *unix_path, __u32 limit) {
  __u32 *known = bpf_map_lookup_elem(&edge_indexes, key), index;
  struct network_edge_value *edge;

  if (known)
    return *known;
  index = take_index(&edges_used, limit);
  edge = find_edge(index);
  if (!edge)
    return 0;
  if (bpf_map_update_elem(&edge_indexes, key, &index, BPF_NOEXIST)) {
    /* Another CPU was faster: the place stays empty. */
    known = bpf_map_lookup_elem(&edge_indexes, key);
    return known ? *known : 0;
  }
  edge->protocol = key->protocol;
  edge->role = key->role;
  edge->family = key->family;
  edge->port = key->port;
  edge->network_namespace = key->network_namespace;
  edge->peer = key->peer;
  edge->slow_ns = ~0ULL;
  __builtin_memcpy(edge->local, key->local, sizeof(edge->local));
  __builtin_memcpy(edge->remote, key->remote, sizeof(edge->remote));
  if (unix_path)
    __builtin_memcpy(edge->unix_path, unix_path, UNIX_PATH_BYTES);
  /* User space looks at the rest when this is there. */
  __sync_lock_test_and_set(&edge->number, key->number);
  return index;
}

/* The same, or the edge of all others of the process. */
static __always_inline __u32 edge_or_merged(struct network_edge_key *key, const char *unix_path) {
  __u32 index = index_of(key, unix_path, MAX_EDGES - MERGED_EDGES);

  if (index)
    return index;
  count_loss(LOSS_MERGED);
  key->family = 0;
  key->port = 0;
  key->peer = 0;
  key->network_namespace = 0;
  __builtin_memset(key->local, 0, sizeof(key->local));
  __builtin_memset(key->remote, 0, sizeof(key->remote));
  return index_of(key, NULL, MAX_EDGES);
}

static __always_inline __u8 guess_role(const struct sock *sk, __u16 port) {
  __u64 key = port_key(namespace_of(sk), port);

  return bpf_map_lookup_elem(&listening, &key) ? NETWORK_SERVER : NETWORK_CLIENT;
}

/* Edge of a socket of TCP, whose local port is `port`. */
static __always_inline __u32 edge_of_tcp(const struct sock *sk, __u32 number, __u8 role,
                                         __u16 port) {
  struct network_edge_key key = {.number = number, .protocol = NETWORK_TCP, .role = role};

  put_addresses(&key, sk);
  key.network_namespace = namespace_of(sk);
  key.port = role == NETWORK_SERVER ? port : remote_port(sk);
  if (role == NETWORK_SERVER)
    key.peer = find_connector(&key, sk, port);
  /* Clients that come and go must not use up all edges. */
  if (key.peer && !bpf_map_lookup_elem(&edge_indexes, &key) &&
      !take_index(&local_peers_used, MAX_LOCAL_PEERS))
    key.peer = 0;
  return edge_or_merged(&key, NULL);
}

/* Reads where a Unix socket is bound to; false when it is not. */
static __always_inline bool read_unix_path(struct unix_sock *socket, char *path) {
  struct unix_address *address = BPF_CORE_READ(socket, addr);
  const void *name;
  __u32 bytes;

  if (!address)
    return false;
  bytes = BPF_CORE_READ(address, len) - sizeof(__u16);
  bytes = at_most(bytes, 108);
  name = (void *)address + bpf_core_field_offset(struct unix_address, name) + sizeof(__u16);
  return bytes && !bpf_probe_read_kernel(path, bytes, name);
}

static __always_inline __u32 edge_of_unix(struct sock *sk, __u32 number, __u8 *role) {
  struct network_edge_key key = {.number = number, .protocol = NETWORK_UNIX, .family = 1};
  struct unix_sock *socket = bpf_skc_to_unix_sock(sk), *peer;
  char path[UNIX_PATH_BYTES] = {};
  __u64 hash = 0;

  if (!socket)
    return 0;
  peer = (struct unix_sock *)BPF_CORE_READ(socket, peer);
  /* What is accepted has its listener's name; who connects nearly always has none. */
  if (read_unix_path(socket, path))
    key.role = NETWORK_SERVER;
  else if (peer && read_unix_path(peer, path))
    key.role = NETWORK_CLIENT;
  for (int i = 0; i < UNIX_PATH_BYTES; i += 8)
    hash = mix(hash, *(__u64 *)(path + i));
  *(__u64 *)key.local = hash;
  key.peer = BPF_CORE_READ(sk, sk_peer_pid, numbers[0].nr);
  *role = key.role;
  return edge_or_merged(&key, path);
}

/* Tells an edge of a connection that began with TLS. */
static __always_inline void mark_tls(const struct connection *connection,
                                     struct network_edge_value *edge) {
  if (edge && connection->readability == 1 + CONNECTION_TLS)
    edge->tls = 1;
}

/* Has a process own a connection from now on: it is open on the process's edge, and on no other. */
static __attribute__((noinline)) int take_over(struct connection *connection, struct sock *sk,
                                               __u32 number) {
  struct network_edge_value *edge = find_edge(connection->edge);
  bool tcp = sk->__sk_common.skc_family != AF_UNIX;
  bool first = !edge;

  if (edge && connection->counted)
    __sync_fetch_and_add(&edge->open, -1);
  connection->counted = 0;
  if (tcp) {
    if (!connection->port)
      connection->port = sk->__sk_common.skc_num;
    if (!connection->role)
      connection->role = guess_role(sk, connection->port);
    connection->edge = edge_of_tcp(sk, number, connection->role, connection->port);
  } else
    connection->edge = edge_of_unix(sk, number, &connection->role);
  connection->number = number;
  edge = find_edge(connection->edge);
  if (!edge)
    return 0;
  mark_tls(connection, edge);
  if (first)
    __sync_fetch_and_add(&edge->opened, 1);
  if (tcp && !connection->closed) {
    __sync_fetch_and_add(&edge->open, 1);
    connection->counted = 1;
  }
  return 0;
}

#endif
