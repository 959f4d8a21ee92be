/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the HTTP programs, shared by kernel and user space. */
#ifndef STAKEOUT_HTTP_H
#define STAKEOUT_HTTP_H

#define MAX_HTTP_PROCESSES 4096 /* a power of two: a process's place is its number modulo this */
#define MAX_HTTP_COUNTERS 8192
#define MAX_URI_FILTERS 2048
#define MAX_URI_MATCHES 8 /* URI filters that one request may match */
#define URI_BYTES 128     /* of a request's target that are looked at */

/*
 * Latency buckets: 8 to the octave, so that a bucket's middle is within 6.25 % of what is in it.
 * Below 8 units of 1,024 ns a bucket is one unit wide; the last one also takes all over 68 s.
 */
#define LATENCY_UNIT_SHIFT 10
#define LATENCY_BUCKETS 192

#define NO_SAMPLES 32

enum http_role {
  HTTP_SERVER = 0,
  HTTP_CLIENT = 1,
};

/* What became of a connection: read, or why it cannot be. Each is counted once. */
enum http_readability {
  CONNECTION_HTTP = 0,       /* a request of HTTP/1.x was seen */
  CONNECTION_HTTP2 = 1,      /* began with the preface of HTTP/2 */
  CONNECTION_TLS = 2,        /* began with a TLS handshake */
  CONNECTION_IO_URING = 3,   /* its bytes go through io_uring, where buffers are not known */
  CONNECTION_OTHER_CALL = 4, /* through 32-bit calls, sendmmsg or recvmmsg */
  CONNECTION_UNKNOWN = 5,    /* several messages, none of which is HTTP */
  CONNECTION_TLS_READ = 6,   /* TLS whose plaintext is read by a probe: also counted as HTTP */
  CONNECTION_KINDS = 8,
};

/* What a TLS probe is at: the cookie of its hook. */
enum tls_function {
  TLS_READ = 1,    /* returns the bytes read */
  TLS_READ_EX = 2, /* returns 1 and puts them where its fourth argument says */
  TLS_WRITE = 3,   /* returns over 0 when all of its third argument was taken */
  TLS_END = 4,     /* the session of its first argument is over */
};

/* A process's place: an array that user space maps. A number is that of its place or outdated. */
struct http_process_value {
  __u32 number;          /* 0 while the place is free */
  __u32 counters[2];     /* by role: index of its http_counters_value, 0 when it is not counted */
  __u32 filtered;        /* 1 when a URI filter has counters in it */
  __u32 sample_shift;    /* one request of 2 to the power of this is sampled; NO_SAMPLES: none */
  __u32 connections[16]; /* role * CONNECTION_KINDS + http_readability */
  __u32 unreadable;      /* messages whose bytes could not be read (a bad or absent page) */
  __u32 pipelined;       /* responses beyond the first to requests that came in one read */
  __u32 overwritten;     /* requests that came while another of the connection was in flight */
  __u32 lost_samples;    /* the ring was full */
  __u32 lost_children;   /* forked, and not watched until user space sees them: no room */
  __u32 tls;             /* 1 when a policy allows to look into its TLS */
  __u32 children;        /* forked since it is watched, less those that became another program */
};

/*
 * Requests that ended, by process and role, or those of them that match one URI filter. Cumulative:
 * user space maps the array and subtracts. The number of requests is the sum of the buckets.
 */
struct http_counters_value {
  __u64 sum_ns;     /* from the first byte of a request to the first byte of its response */
  __u64 max_ns;     /* user space puts 0 here when it has read it */
  __u32 errors_4xx; /* these three wrap around */
  __u32 errors_5xx;
  __u32 buckets[LATENCY_BUCKETS];
};

/* The trie of URI filters. Its text is compared with the raw target of the request line, so that an
 * exact path is two entries, "/path " and "/path?". */
struct http_uri_key {
  __u32 prefix_bits;
  __u8 text[URI_BYTES];
};

/* Numbers, from 1, of all filters that match what begins with this key; the rest is 0. */
struct http_uri_value {
  __u16 filters[MAX_URI_MATCHES];
};

/* Which counters a URI filter has in a process. */
struct http_filter_key {
  __u32 number; /* of the process */
  __u16 filter;
  __u16 role;
};

/* One sampled request, when it has ended. */
struct http_sample_event {
  __u64 ended_boot_ns;
  __u64 latency_ns;
  __u32 number; /* of the process */
  __u16 status;
  __u8 role;
  __u8 uri_bytes; /* of `uri` that are valid: whatever followed the method, cut */
  __u32 shift;    /* one request of 2 to the power of this was sampled then */
  __u32 pad;
  char uri[URI_BYTES];
};

/* A request in flight, written by the iterators over connections. */
struct http_pending_event {
  __u64 start_boot_ns;
  __u32 number; /* of the process */
  __u32 role;
  __u16 counters[MAX_URI_MATCHES]; /* of the URI filters it matches; 0 after the last */
};

/*
 * What is known of one connection: of a socket (the kernel's own storage of it, or by inode) or of
 * a TLS session. Whoever handled the head of its request is who the request is counted for.
 */
struct http_connection_value {
  __u64 start_boot_ns; /* first byte of the request in flight, or of its fragment; of
                        * an early response when it came */
  __u32 number;        /* of the process */
  __u32 user_tgid;     /* who used it last, and under which number it is watched */
  __u32 user_number;
  __u16 counters[MAX_URI_MATCHES]; /* of the URI filters that the request matches */
  __u16 generation;                /* of the filters when they were matched, low bits */
  __u16 early_status;   /* of a client's response that came before its request was seen, or 0 */
  __u16 misses;         /* messages that were no HTTP */
  __u8 role;            /* 0 unknown, 1 + http_role; of the first request, then kept */
  __u8 first_direction; /* 1 + direction of the first message */
  __u8 readability;     /* 1 + http_readability, 0 undecided */
  __u8 pending;         /* a request is in flight */
  __u8 sampled;         /* 1 + the shift it was sampled with: its URI is kept aside */
  __u8 fragment_bytes;  /* of a message too short to tell */
  __u8 fragment_direction;
  __u8 fragment[12];
  __u8 decrypted;         /* a TLS session whose socket is not counted as unreadable any more */
  __u16 watch_generation; /* when user_number was looked up, low bits */
};

/* A TLS session: its address in a process. */
struct tls_session_key {
  __u64 session;
  __u32 tgid; /* in the host's pid namespace */
  __u32 pad;
};

#endif
