/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pairs the requests and responses of one connection. It knows messages, not sockets. */
#ifndef STAKEOUT_HTTP_CONNECTION_BPF_H
#define STAKEOUT_HTTP_CONNECTION_BPF_H

#include "http_count.bpf.h"

#define UNKNOWN_AFTER 8   /* messages without HTTP */
#define UNKNOWN_STRIDE 64 /* then one in so many is looked at */
#define EARLY_RESPONSE_NS 1000000
#define EARLY_LATENCY_NS 1000

/* Records once what a connection is; one that was unknown may turn out to be HTTP. */
static __always_inline void decide(struct http_connection_value *connection,
                                   struct http_process_value *process, __u32 readability) {
  __u32 side = connection->first_direction == 1 + OUT ? HTTP_CLIENT : HTTP_SERVER;
  __u32 known = connection->readability;

  if (known == 1 + readability)
    return;
  if (known != 0 && known != 1 + CONNECTION_UNKNOWN)
    return;
  /* It may have been counted for another: of a parent, or of a number before this one. */
  if (known != 0 && process->connections[side * CONNECTION_KINDS + CONNECTION_UNKNOWN])
    __sync_fetch_and_add(&process->connections[side * CONNECTION_KINDS + CONNECTION_UNKNOWN], -1);
  connection->readability = 1 + readability;
  if (readability == CONNECTION_HTTP)
    connection->first_direction = connection->role == 1 + HTTP_CLIENT ? 1 + OUT : 1 + IN;
  side = connection->first_direction == 1 + OUT ? HTTP_CLIENT : HTTP_SERVER;
  __sync_fetch_and_add(&process->connections[side * CONNECTION_KINDS + (readability & 7)], 1);
}

/*
 * Notes who uses a connection. What it is was told of the process that used it before: where that
 * is watched no longer, or under another number since, it is counted for this one.
 */
static __always_inline void meet_user(struct http_connection_value *connection,
                                      struct http_process_value *process, __u32 tgid,
                                      __u16 generation) {
  __u32 side = connection->first_direction == 1 + OUT ? HTTP_CLIENT : HTTP_SERVER;
  __u32 before = connection->user_number;

  connection->user_tgid = tgid;
  connection->user_number = process->number;
  connection->watch_generation = generation;
  if (!connection->readability || before == process->number || find_place(before))
    return;
  connection->decrypted = 0;
  side = side * CONNECTION_KINDS + ((connection->readability - 1) & 7);
  /* Compiled as an OR, of whose result the verifier of Linux 6.1 knows nothing. */
  barrier_var(side);
  __sync_fetch_and_add(&process->connections[side & (2 * CONNECTION_KINDS - 1)], 1);
}

/* The watched process that uses a connection: without a lookup while nobody's number has changed.
 */
static __always_inline struct http_process_value *
find_user(struct http_connection_value *connection, __u32 tgid) {
  __u16 generation = watch_generation;
  struct http_process_value *process;

  if (connection->user_tgid == tgid && connection->watch_generation == generation)
    return find_place(connection->user_number);
  process = find_watched(tgid);
  if (process)
    meet_user(connection, process, tgid, generation);
  return process;
}

/* Whether the bytes of a connection need not be looked at: they were, and are nothing for us. */
static __always_inline bool is_settled(struct http_connection_value *connection,
                                       const struct http_process_value *process) {
  switch (connection->readability) {
  case 1 + CONNECTION_HTTP:
    if (process->counters[(connection->role - 1) & 1])
      return false;
    /* What passes unseen makes the time of the last request that was seen worthless. */
    connection->pending = 0;
    connection->start_boot_ns = 0;
    return true;
  case 1 + CONNECTION_HTTP2:
  case 1 + CONNECTION_TLS:
    return true;
  case 1 + CONNECTION_UNKNOWN:
    return ++connection->misses % UNKNOWN_STRIDE != 0;
  }
  return false;
}

/* Puts the bytes kept from a message too short to tell in front of this one; returns how many. */
static __always_inline __u32 take_fragment(struct http_connection_value *connection,
                                           struct message *message) {
  struct fragment fragment = {
      .first = *(__u64 *)connection->fragment,
      .second = *(__u32 *)(connection->fragment + 8),
      .bytes = connection->fragment_bytes,
      .direction = connection->fragment_direction,
  };

  connection->fragment_bytes = 0;
  return join_fragment(&fragment, message);
}

static __always_inline void keep_fragment(struct http_connection_value *connection,
                                          const struct message *message, __u32 joined) {
  if (!begins_http(message->head[0]))
    return;
  *(__u64 *)connection->fragment = message->head[0];
  *(__u32 *)(connection->fragment + 8) = message->head[1];
  connection->fragment_bytes = message->head_bytes;
  connection->fragment_direction = message->direction;
  /* A request begins with its first byte. */
  if (!joined && !connection->pending)
    connection->start_boot_ns = message->at_boot_ns;
}

static __always_inline void on_request(struct http_connection_value *connection,
                                       struct http_process_value *process, struct message *message,
                                       __u32 method_bytes, __u32 joined) {
  __u8 role = message->direction == IN ? 1 + HTTP_SERVER : 1 + HTTP_CLIENT;

  if (!connection->role)
    connection->role = role;
  /* The other way it is a body that looks like a request. */
  if (connection->role != role)
    return;
  decide(connection, process, CONNECTION_HTTP);
  if (!process->counters[role - 1])
    return;
  connection->number = process->number;
  remember_target(connection, process, message, method_bytes, joined);
  if (connection->early_status) {
    __u32 status = connection->early_status;

    connection->early_status = 0;
    if (message->at_boot_ns - connection->start_boot_ns < EARLY_RESPONSE_NS) {
      count_ended(connection, process, message, status, EARLY_LATENCY_NS);
      return;
    }
  }
  if (connection->pending)
    __sync_fetch_and_add(&process->overwritten, 1);
  if (!joined || connection->pending)
    connection->start_boot_ns = message->at_boot_ns;
  connection->pending = 1;
}

static __always_inline void on_response(struct http_connection_value *connection,
                                        struct http_process_value *process,
                                        const struct message *message, __u32 status) {
  __u8 role = message->direction == OUT ? 1 + HTTP_SERVER : 1 + HTTP_CLIENT;
  __u64 latency_ns = message->at_boot_ns - connection->start_boot_ns;

  if (connection->role != role)
    return;
  /* 100 Continue and 103 Early Hints do not end a request; 101 Switching Protocols does. */
  if (status < 200 && status != 101)
    return;
  if ((__s64)latency_ns <= 0)
    latency_ns = 1;
  if (connection->pending) {
    connection->pending = 0;
    count_ended(connection, process, message, status, latency_ns);
    connection->sampled = 0;
    return;
  }
  if (role == 1 + HTTP_CLIENT) {
    /* Another thread was faster to read the response than this one to return from its write. */
    connection->start_boot_ns = message->at_boot_ns;
    connection->early_status = status;
    return;
  }
  if (connection->start_boot_ns == 0 || !find_place(connection->number))
    return;
  /* Several requests came in one read: only the first one's head was seen. */
  __sync_fetch_and_add(&process->pipelined, 1);
  count_request(process->counters[HTTP_SERVER], status, latency_ns);
}

/* Takes one message of a connection. `process` is whoever reads or writes it now. */
static __always_inline void on_message(struct http_connection_value *connection,
                                       struct http_process_value *process,
                                       struct message *message) {
  bool first = connection->first_direction == 0;
  __u32 joined, method_bytes, status;

  if (first) {
    connection->first_direction = 1 + message->direction;
    /* OpenSSL reads the 5 bytes of a record's header by themselves. */
    if (message->head_bytes >= 5 && begins_tls(message->head)) {
      decide(connection, process, CONNECTION_TLS);
      return;
    }
  }
  joined = take_fragment(connection, message);
  if (message->head_bytes < LEAST_HEAD_BYTES) {
    keep_fragment(connection, message, joined);
    return;
  }
  method_bytes = parse_request(message->head);
  if (method_bytes) {
    on_request(connection, process, message, method_bytes, joined);
    return;
  }
  status = parse_status(message->head);
  if (status) {
    on_response(connection, process, message, status);
    return;
  }
  if (!connection->role && begins_http2(message->head)) {
    connection->first_direction = 1 + message->direction;
    decide(connection, process, CONNECTION_HTTP2);
    return;
  }
  if (!connection->role && connection->misses < UNKNOWN_AFTER &&
      ++connection->misses == UNKNOWN_AFTER)
    decide(connection, process, CONNECTION_UNKNOWN);
}

#endif
