/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the network programs, shared by kernel and user space. */
#ifndef STAKEOUT_NETWORK_H
#define STAKEOUT_NETWORK_H

#include "http.h"

#define MAX_EDGES 4096
#define MERGED_EDGES 512 /* of them kept for those that stand for all others */
#define MAX_NETWORK_COUNTERS 8192
#define MAX_EDGE_PATHS 64
#define MAX_LOCAL_PEERS 512 /* processes of this host that edges are kept apart by */
#define HEAD_TEXT_BYTES 1024
#define QUESTION_BYTES 256
#define UNIX_PATH_BYTES 112

enum network_protocol {
  NETWORK_TCP = 1,
  NETWORK_UDP = 2,
  NETWORK_UNIX = 3,
};

enum network_role {
  NETWORK_UNKNOWN = 0,
  NETWORK_CLIENT = 1,
  NETWORK_SERVER = 2,
};

/* What cannot be told, by why: an index of `losses`. */
enum network_loss {
  LOSS_MERGED,     /* connections and UDP peers without an edge of their own */
  LOSS_UNTRACKED,  /* messages of sockets without memory, or without any edge */
  LOSS_PATHS,      /* requests without a path of their own */
  LOSS_SAMPLES,    /* the ring was full */
  LOSS_NAMES,      /* of DNS: the ring or the table of queries was full */
  LOSS_UNREADABLE, /* messages whose bytes could not be read */
  LOSS_PIPELINED,  /* responses and requests that do not pair */
  LOSS_CHILDREN,   /* forked, and not watched until user space sees them */
  LOSS_TLS,        /* connections, from here on */
  LOSS_HTTP2,
  LOSS_IO_URING,
  LOSS_OTHER_CALL,
  NETWORK_LOSSES,
};

enum close_reason {
  CLOSED_BY_LOCAL = 0,
  CLOSED_BY_REMOTE = 1,
  CLOSED_BY_RESET = 2,
  CLOSED_BY_TIMEOUT = 3,
};

enum connect_failure {
  CONNECT_REFUSED = 0,
  CONNECT_TIMED_OUT = 1,
  CONNECT_FAILED = 2,
};

/* All connections of one process with one peer. */
struct network_edge_key {
  __u32 number;            /* of the process */
  __u32 network_namespace; /* inode; 0 of Unix sockets */
  __u32 peer; /* thread group id at the other end, in the host's pid namespace; 0: not known */
  __u8 protocol;
  __u8 role;
  __u8 family; /* 4, 6; 1 of Unix sockets; 0: all others of the process */
  __u8 pad;
  __u16 port; /* of the server's end */
  __u16 pad2;
  __u32 pad3;
  __u8 local[16]; /* of Unix sockets a hash of the server's path */
  __u8 remote[16];
};

/* What passed over an edge since the start: user space maps the array and subtracts. */
struct network_edge_value {
  __u64 received_bytes;
  __u64 sent_bytes;
  __u64 connect_sum_ns;
  __u64 connect_max_ns; /* user space puts 0 here when it has read it */
  __u64 rtt_sum_us;
  __u64 rtt_max_us;        /* as connect_max_ns */
  __u64 rtt_least_inverse; /* largest ~rtt_us, as connect_max_ns */
  __u64 slow_ns;           /* set by user space: slower requests are samples of slow ones */
  __u32 received_messages; /* these wrap around */
  __u32 sent_messages;
  __u32 opened;
  __u32 open;      /* TCP connections now */
  __u32 closed[4]; /* by enum close_reason */
  __u32 connects;
  __u32 connect_failures[3]; /* by enum connect_failure */
  __u32 resets_sent;
  __u32 resets_received;
  __u32 retransmits;
  __u32 rtt_samples;
  __u32 http;  /* index of its http_counters_value, 0: none */
  __u32 dns;   /* the same of DNS */
  __u32 paths; /* that have counters of their own */
  __u32 network_namespace;
  __u32 peer;
  __u32 number; /* of the process, 0 until the rest is there */
  __u8 protocol;
  __u8 role;
  __u8 family;
  __u8 tls; /* 1 when a connection of it began with TLS: it may become that at any time */
  __u16 port;
  __u16 pad2;
  __u8 local[16];
  __u8 remote[16];
  char unix_path[UNIX_PATH_BYTES]; /* begins with NUL when it is abstract */
};

/* The client's end of a TCP connection within this host. */
struct network_end_key {
  __u8 local[16];
  __u8 remote[16];
  __u16 local_port;
  __u16 remote_port;
  __u32 network_namespace; /* of loopback addresses, which each has; else 0 */
};

/* A socket that listens, written by the iterator over all processes. */
struct network_listener_event {
  __u32 tgid; /* in the host's pid namespace */
  __u32 network_namespace;
  __u16 port;
  __u16 pad;
  __u32 pad2;
};

struct network_path_key {
  __u64 hash;
  __u32 edge;
  __u32 pad;
};

/* What the records of the ring are: their first 4 bytes. */
enum network_record {
  RECORD_PATH = 1,
  RECORD_SAMPLE = 2,
  RECORD_SAMPLE_END = 3,
  RECORD_DNS = 4,
};

/* A path that has counters from now on. */
struct network_path_event {
  __u32 kind;
  __u32 edge;
  __u32 counters;             /* index of its http_counters_value */
  __u32 cut;                  /* 1 when it goes on */
  __u64 words[URI_BYTES / 8]; /* its text, which ends at the first NUL */
};

/* A sampled request, at the first byte of its response. */
struct network_sample_event {
  __u32 kind;
  __u32 edge;
  __u64 sample; /* its number */
  __u64 started_boot_ns;
  __u64 request_ns;
  __u64 wait_ns;
  __u64 request_bytes;
  __u64 method;
  __u32 path; /* index of the path's counters, 0: it has none */
  __u32 tid;  /* in the agent's pid namespace */
  __u16 status;
  __u16 reason;
  __u32 head_bytes; /* of `head` that are valid; of the request, from its first byte */
  char thread[16];
  __u8 head[HEAD_TEXT_BYTES];
};

/* What came of it. */
struct network_sample_end_event {
  __u32 kind;
  __u32 pad;
  __u64 sample;
  __u64 response_ns;
  __u64 response_bytes;
};

/* An answer of DNS. */
struct network_dns_event {
  __u32 kind;
  __u32 edge;
  __u64 latency_ns;
  __u32 code; /* RCODE */
  __u32 question_bytes;
  __u8 question[QUESTION_BYTES];
};

/* A query of DNS that has no answer yet. */
struct network_query_key {
  __u64 connection;
  __u32 id;
  __u32 pad;
};

struct network_query_value {
  __u64 started_boot_ns;
  __u32 edge;
  __u32 question_bytes;
  __u8 question[QUESTION_BYTES]; /* what follows the header */
};

#endif
