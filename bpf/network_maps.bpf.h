/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of the network programs, and what is kept of a socket. */
#ifndef STAKEOUT_NETWORK_MAPS_BPF_H
#define STAKEOUT_NETWORK_MAPS_BPF_H

#include "http_message.bpf.h"
#include "network.h"
#include "watch.bpf.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LISTEN 10

/* Set by the loader. */
const volatile __u64 pid_namespace_inode = 0; /* of the agent's /proc/self/ns/pid */

/* Set by the loader where the kernel has no events of messages: bytes are then TCP's own counts. */
const volatile bool counts_segments = false;

__u64 losses[NETWORK_LOSSES] = {};
__u32 edges_used = 0;    /* index 0 is none */
__u32 counters_used = 0; /* the same */
__u32 local_peers_used = 0;
__u64 ids_used = 0;
__u64 samples_begun = 0;
/* Samples that may be taken until user space sets these again, by reason. */
__s32 sample_room[4] = {};
/* 1 while sockets are taken over that listen, 2 while all others are. */
__u32 adoption = 0;

/* What is known of one socket. The kernel frees it with the socket, and copies it from one that
 * listens to those it accepts. */
struct connection {
  __u64 id;                    /* of no other; 0 until it is needed */
  __u64 connect_boot_ns;       /* SYN */
  __u64 start_boot_ns;         /* first byte of the request in flight, or of its fragment */
  __u64 last_request_boot_ns;  /* newest byte of it */
  __u64 response_boot_ns;      /* first byte of the response */
  __u64 last_response_boot_ns; /* newest byte of it */
  __u64 request_bytes;
  __u64 response_bytes;
  __u64 early_boot_ns;  /* when a client's response came before its request was seen */
  __u64 method;         /* first bytes of the request */
  __u64 received_bytes; /* of TCP's own counts those that are counted */
  __u64 sent_bytes;
  __u64 sample; /* number of the sample whose response is under way, 0: none */
  struct fragment fragment;
  __u32 connector; /* thread group id of who connects, while it does */
  __u32 user_tgid; /* who used it last, and under which number it is watched */
  __u32 user_number;
  __u32 watch_generation; /* when that was looked up */
  __u32 number;           /* of the process it belongs to: that handled it last */
  __u32 edge;             /* 0 until a process that is watched handles it */
  __u32 request_edge;     /* of the request in flight */
  __u32 path;             /* of it: index of counters */
  __u32 retransmits;      /* of them counted */
  __u32 moved;            /* 1 when bytes moved since its round trip time was taken */
  __u16 port;             /* the local one: a socket that is closing has lost it */
  __u16 early_status;
  __u16 misses; /* messages that were no HTTP */
  __u8 role;    /* enum network_role */
  __u8 listens;
  __u8 counted;  /* among the open ones of its edge */
  __u8 ended_by; /* 1 + enum close_reason, 0 while neither end has ended it */
  __u8 reset_received;
  __u8 closed;
  __u8 http_role;       /* 0 unknown, 1 + http_role */
  __u8 first_direction; /* 1 + direction of the first message */
  __u8 readability;     /* 1 + http_readability, 0 undecided */
  __u8 pending;         /* a request is in flight */
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE); /* about 400 bytes a socket */
  __type(key, int);
  __type(value, struct connection);
} sockets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_EDGES); /* (56 + 8 + 48) x 4,096 = 0.5 MB */
  __type(key, struct network_edge_key);
  __type(value, __u32);
} edge_indexes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, MAX_EDGES); /* 312 x 4,096 = 1.3 MB */
  __type(key, __u32);
  __type(value, struct network_edge_value);
} edges SEC(".maps");

/* Of edges with HTTP, of their paths, of edges with DNS. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, MAX_NETWORK_COUNTERS); /* 792 x 8,192 = 6.5 MB */
  __type(key, __u32);
  __type(value, struct http_counters_value);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_NETWORK_COUNTERS); /* (16 + 8 + 48) x 8,192 = 0.6 MB */
  __type(key, struct network_path_key);
  __type(value, __u32);
} path_indexes SEC(".maps");

/* Ports on which a watched process listens: (network namespace, port). */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024); /* a connection that is there already is else taken for a client's */
  __type(key, __u64);
  __type(value, __u8);
} listening SEC(".maps");

/* Who connected, of TCP connections to this host; one that is evicted is told by its address alone.
 */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192); /* (40 + 8 + 56) x 8,192 = 0.8 MB */
  __type(key, struct network_end_key);
  __type(value, __u32);
} ends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 4096); /* (16 + 272 + 48) x 4,096 = 1.4 MB when full */
  __type(key, struct network_query_key);
  __type(value, struct network_query_value);
} queries SEC(".maps");

/* The first bytes of requests in flight, by the id of their connection: what is overwritten by
 * another's has its samples without them. They leave the kernel with a sample only. */
struct head_text {
  __u64 connection;
  __u64 started_boot_ns;
  __u32 locked;
  __u32 bytes;
  char text[HEAD_TEXT_BYTES];
};

#define HEADS 1024

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, HEADS); /* 1,048 x 1,024 = 1 MB */
  __type(key, __u32);
  __type(value, struct head_text);
} heads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* 7,000 new paths, 900 samples or 3,500 answers of DNS a second */
} events SEC(".maps");

/* A request's target. */
struct target {
  __u64 words[URI_BYTES / 8];
  __u32 path_bytes;
  __u32 cut; /* 1 when its end was not in what could be read */
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 136 bytes a CPU */
  __type(key, __u32);
  __type(value, struct target);
} targets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 272 bytes a CPU */
  __type(key, __u32);
  __type(value, struct network_query_value);
} new_query SEC(".maps");

static __always_inline __u64 id_of(struct connection *connection) {
  if (!connection->id)
    connection->id = __sync_fetch_and_add(&ids_used, 1) + 1;
  return connection->id;
}

static __always_inline void count_loss(enum network_loss loss) {
  __sync_fetch_and_add(&losses[loss], 1);
}

#endif
