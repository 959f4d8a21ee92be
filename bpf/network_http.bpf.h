/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pairs requests and responses of one connection, counts them by edge and path, picks samples. */
#ifndef STAKEOUT_NETWORK_HTTP_BPF_H
#define STAKEOUT_NETWORK_HTTP_BPF_H

#include "latency.bpf.h"
#include "network_path.bpf.h"
#include "network_sample.bpf.h"

#define UNKNOWN_AFTER 8   /* messages without HTTP */
#define UNKNOWN_STRIDE 64 /* then one in so many is looked at */
#define EARLY_RESPONSE_NS 1000000
#define EARLY_LATENCY_NS 1000

static __always_inline void count_http(struct connection *connection, __u32 status,
                                       __u64 latency_ns) {
  struct network_edge_value *edge = find_edge(connection->request_edge);

  if (!edge)
    return;
  count_request(counters_of(&edge->http), status, latency_ns);
  if (connection->path)
    count_request(connection->path, status, latency_ns);
}

/* Records once what a connection is; one that was unknown may turn out to be HTTP. */
static __always_inline void decide(struct connection *connection, __u32 readability,
                                   enum network_loss loss) {
  if (connection->readability && connection->readability != 1 + CONNECTION_UNKNOWN)
    return;
  connection->readability = 1 + readability;
  if (loss != NETWORK_LOSSES)
    count_loss(loss);
}

/* Whether the content of a connection need not be looked at: it was, and is nothing for us. */
static __always_inline bool is_settled(struct connection *connection) {
  switch (connection->readability) {
  case 0:
  case 1 + CONNECTION_HTTP:
    return false;
  case 1 + CONNECTION_UNKNOWN:
    return ++connection->misses % UNKNOWN_STRIDE != 0;
  }
  return true;
}

static __always_inline void on_request(struct connection *connection, struct message *message,
                                       __u32 method_bytes, __u32 joined) {
  __u8 role = message->direction == IN ? 1 + HTTP_SERVER : 1 + HTTP_CLIENT;

  if (!connection->http_role)
    connection->http_role = role;
  /* The other way it is a body that looks like a request. */
  if (connection->http_role != role)
    return;
  decide(connection, CONNECTION_HTTP, NETWORK_LOSSES);
  end_sample(connection);
  if (connection->pending)
    count_loss(LOSS_PIPELINED);
  if (!joined || connection->pending)
    connection->start_boot_ns = message->at_boot_ns;
  connection->last_request_boot_ns = message->at_boot_ns;
  connection->request_bytes = message->source.bytes + joined;
  connection->request_edge = connection->edge;
  connection->method = message->head[0] & FIRST(method_bytes);
  connection->path = path_of(connection->edge, message, method_bytes, joined);
  connection->pending = 1;
  if (connection->early_boot_ns &&
      message->at_boot_ns - connection->early_boot_ns < EARLY_RESPONSE_NS) {
    connection->pending = 0;
    count_http(connection, connection->early_status, EARLY_LATENCY_NS);
  } else
    keep_head(connection, message, joined);
  connection->early_boot_ns = 0;
}

static __always_inline void on_response(struct connection *connection, struct message *message,
                                        __u32 status) {
  __u8 role = message->direction == OUT ? 1 + HTTP_SERVER : 1 + HTTP_CLIENT;
  __u64 latency_ns = message->at_boot_ns - connection->start_boot_ns;

  /* 100 Continue and 103 Early Hints do not end a request; 101 Switching Protocols does. */
  if (connection->http_role != role || (status < 200 && status != 101))
    return;
  if ((__s64)latency_ns <= 0)
    latency_ns = 1;
  if (connection->pending) {
    connection->pending = 0;
    connection->response_boot_ns = message->at_boot_ns;
    connection->last_response_boot_ns = message->at_boot_ns;
    connection->response_bytes = message->source.bytes;
    count_http(connection, status, latency_ns);
    begin_sample(connection, message, status, latency_ns);
    return;
  }
  if (role == 1 + HTTP_CLIENT) {
    /* Another thread was faster to read the response than this one to return from its write. */
    connection->early_boot_ns = message->at_boot_ns;
    connection->early_status = status;
    return;
  }
  if (connection->start_boot_ns == 0)
    return;
  /* Several requests came in one read: only the first one's head was seen. */
  connection->path = 0;
  count_loss(LOSS_PIPELINED);
  count_http(connection, status, latency_ns);
}

static __always_inline void keep_fragment(struct connection *connection,
                                          const struct message *message, __u32 joined) {
  if (!begins_http(message->head[0]))
    return;
  connection->fragment.first = message->head[0];
  connection->fragment.second = message->head[1];
  connection->fragment.bytes = message->head_bytes;
  connection->fragment.direction = message->direction;
  /* A request begins with its first byte. */
  if (!joined && !connection->pending)
    connection->start_boot_ns = message->at_boot_ns;
}

/* What belongs to a request or response that has begun. */
static __always_inline void on_body(struct connection *connection, __u32 direction, __u32 bytes,
                                    __u64 at_boot_ns) {
  bool of_request = (direction == IN) == (connection->http_role == 1 + HTTP_SERVER);

  if (connection->pending && of_request) {
    connection->last_request_boot_ns = at_boot_ns;
    connection->request_bytes += bytes;
  } else if (connection->sample && !connection->pending && !of_request) {
    connection->last_response_boot_ns = at_boot_ns;
    connection->response_bytes += bytes;
  }
}

/* Takes one message of a connection. */
static __always_inline void on_message(struct connection *connection, struct message *message) {
  bool first = connection->first_direction == 0;
  __u32 joined, method_bytes, status, bytes = message->source.bytes;

  if (first) {
    connection->first_direction = 1 + message->direction;
    /* OpenSSL reads the 5 bytes of a record's header by themselves. */
    if (message->head_bytes >= 5 && begins_tls(message->head)) {
      decide(connection, CONNECTION_TLS, LOSS_TLS);
      mark_tls(connection, find_edge(connection->edge));
      return;
    }
  }
  joined = join_fragment(&connection->fragment, message);
  connection->fragment.bytes = 0;
  if (message->head_bytes < LEAST_HEAD_BYTES) {
    keep_fragment(connection, message, joined);
    on_body(connection, message->direction, bytes, message->at_boot_ns);
    return;
  }
  method_bytes = parse_request(message->head);
  if (method_bytes) {
    on_request(connection, message, method_bytes, joined);
    return;
  }
  status = parse_status(message->head);
  if (status) {
    on_response(connection, message, status);
    return;
  }
  if (connection->http_role) {
    on_body(connection, message->direction, bytes, message->at_boot_ns);
    return;
  }
  if (begins_http2(message->head))
    decide(connection, CONNECTION_HTTP2, LOSS_HTTP2);
  else if (connection->misses < UNKNOWN_AFTER && ++connection->misses == UNKNOWN_AFTER)
    decide(connection, CONNECTION_UNKNOWN, NETWORK_LOSSES);
}

/* Looks at what a call read or wrote on a connection. */
static __always_inline void take_content(struct connection *connection, struct pt_regs *regs,
                                         __u32 bytes, __u32 direction, __u64 key) {
  struct message message = {.direction = direction, .key = key};

  switch (find_source(bpf_get_current_task_btf(), regs, bytes, &message.source)) {
  case SOURCE_READABLE:
    message.at_boot_ns = bpf_ktime_get_boot_ns();
    if (read_head(&message))
      on_message(connection, &message);
    else
      count_loss(LOSS_UNREADABLE);
    return;
  case SOURCE_FILE:
    on_body(connection, direction, bytes, bpf_ktime_get_boot_ns());
    return;
  case SOURCE_IO_URING:
    decide(connection, CONNECTION_IO_URING, LOSS_IO_URING);
    return;
  case SOURCE_OTHER_CALL:
    decide(connection, CONNECTION_OTHER_CALL, LOSS_OTHER_CALL);
    return;
  default:
    count_loss(LOSS_UNREADABLE);
  }
}

#endif
