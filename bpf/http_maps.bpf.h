/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of the HTTP programs. */
#ifndef STAKEOUT_HTTP_MAPS_BPF_H
#define STAKEOUT_HTTP_MAPS_BPF_H

#include "common.bpf.h"
#include "http.h"
#include "watch.bpf.h"

/* Raised by user space whenever counters of a URI filter are given away. */
__u32 filter_generation = 0;
/* Files that readings of an iterator may still visit before they pause. */
__u32 pending_files = 0;
/* Most records that one reading of an iterator may still write. */
__u32 pending_room = 0;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, MAX_HTTP_PROCESSES); /* 112 x 4,096 = 0.5 MB */
  __type(key, __u32);
  __type(value, struct http_process_value);
} processes SEC(".maps");

/* One for all CPUs, so that memory does not grow with their number: two atomic additions a request.
 */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, MAX_HTTP_COUNTERS); /* 792 x 8,192 = 6.5 MB; 0 is none */
  __type(key, __u32);
  __type(value, struct http_counters_value);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries,
         2 * MAX_URI_FILTERS); /* about (40 + 128 + 16) x 2 x 4,096 = 1.5 MB when full */
  __type(key, struct http_uri_key);
  __type(value, struct http_uri_value);
} uris SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_HTTP_COUNTERS); /* (8 + 8 + 48) x 8,192 = 0.5 MB */
  __type(key, struct http_filter_key);
  __type(value, __u32); /* index of its counters */
} filter_counters SEC(".maps");

/* Targets of the sampled requests in flight, by connection. One that is evicted is not sampled. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 2048); /* (8 + 136 + 56) x 2,048 = 0.4 MB */
  __type(key, __u64);
  __type(value, struct http_uri_key);
} sampled_uris SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* 6,200 samples between two readings */
} samples SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 136 bytes a CPU */
  __type(key, __u32);
  __type(value, struct http_uri_key);
} scratch SEC(".maps");

/* The kernel frees the state of a connection with its socket. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags,
         BPF_F_NO_PREALLOC); /* about 400 bytes a connection, for the whole of its life */
  __type(key, int);
  __type(value, struct http_connection_value);
} sockets SEC(".maps");

/* By inode, which names a socket whatever its fds are and is not used again. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384); /* (8 + 64 + 56) x 16,384 = 2.1 MB; the rest is forgotten */
  __type(key, __u64);
  __type(value, struct http_connection_value);
} sockets_by_inode SEC(".maps");

/* Where the number is that of its place, it is a process's that is watched still. */
static __always_inline struct http_process_value *find_place(__u32 number) {
  __u32 index = number & (MAX_HTTP_PROCESSES - 1);
  struct http_process_value *process = bpf_map_lookup_elem(&processes, &index);

  return process && number != 0 && process->number == number ? process : NULL;
}

static __always_inline struct http_process_value *find_watched(__u32 tgid) {
  struct watch_value *watch = find_watch(tgid);

  return watch ? find_place(watch->number) : NULL;
}

#endif
