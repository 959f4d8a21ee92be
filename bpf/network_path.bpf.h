/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters of edges and of the paths of their requests. */
#ifndef STAKEOUT_NETWORK_PATH_BPF_H
#define STAKEOUT_NETWORK_PATH_BPF_H

#include "latency.bpf.h"
#include "network_edge.bpf.h"

#define EACH_BYTE 0x0101010101010101ULL

/* A function of its own, so that it is verified once. */
__attribute__((noinline)) int count_request(__u32 index, __u32 status, __u64 latency_ns) {
  struct http_counters_value *count = bpf_map_lookup_elem(&counters, &index);

  if (count && index != 0)
    add_request(count, status, latency_ns);
  return 0;
}

/* Index of the counters that a field of an edge names, which gets some when it has none. */
static __always_inline __u32 counters_of(__u32 *field) {
  __u32 index = *field, known;

  if (index)
    return index;
  index = take_index(&counters_used, MAX_NETWORK_COUNTERS);
  if (!index)
    return 0;
  known = __sync_val_compare_and_swap(field, 0, index);
  return known ? known : index;
}

/* Highest bits of the bytes that are this one; above the first such byte others may be set, too. */
static __always_inline __u64 bytes_like(__u64 word, __u8 byte) {
  word ^= byte * EACH_BYTE;
  return (word - EACH_BYTE) & ~word;
}

/* Highest bit of the first byte that ends a path: what sorts before '!', '?' and '#'. */
static __always_inline __u64 find_end(__u64 word) {
  __u64 ends = ((word - '!' * EACH_BYTE) & ~word) | bytes_like(word, '?') | bytes_like(word, '#');

  ends &= 0x80 * EACH_BYTE;
  return ends & -ends;
}

/* How many bytes are before the one whose highest bit this is. */
static __always_inline __u32 bytes_before(__u64 end) {
  return (end > 0xffffffff) * 4 + ((end & 0xffff0000ffff0000ULL) != 0) * 2 +
         ((end & 0xff00ff00ff00ff00ULL) != 0);
}

/*
 * Finds where the path of this CPU's target ends, and returns a hash of it. The word in which it
 * ends is cut; those behind it are not, and go nowhere. A function of its own, so that it is
 * verified once.
 */
__attribute__((noinline)) __u64 cut_path(void) {
  __u32 zero = 0;
  struct target *target = bpf_map_lookup_elem(&targets, &zero);
  __u64 hash = 0, word, end;
  __u32 i;

  if (!target)
    return 0;
  target->path_bytes = URI_BYTES;
  for (i = 0; i < URI_BYTES / 8; i++) {
    word = target->words[i];
    end = find_end(word);
    if (end)
      break;
    hash = mix(hash, word);
  }
  if (i == URI_BYTES / 8)
    return hash;
  target->path_bytes = 8 * i + bytes_before(end);
  word &= (end >> 7) - 1;
  target->words[i & (URI_BYTES / 8 - 1)] = word;
  return word ? mix(hash, word) : hash;
}

/* Gives a path counters, and tells user space its text; 0 when there is no room. */
__attribute__((noinline)) __u32 add_path(__u32 edge_index, __u64 hash) {
  struct network_path_key key = {.hash = hash, .edge = edge_index};
  struct network_edge_value *edge = find_edge(edge_index);
  struct network_path_event *event;
  struct target *target;
  __u32 zero = 0, index;

  target = bpf_map_lookup_elem(&targets, &zero);
  if (!edge || !target || edge->paths >= MAX_EDGE_PATHS)
    return 0;
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event)
    return 0;
  index = take_index(&counters_used, MAX_NETWORK_COUNTERS);
  if (!index || bpf_map_update_elem(&path_indexes, &key, &index, BPF_NOEXIST)) {
    bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
    return 0;
  }
  __sync_fetch_and_add(&edge->paths, 1);
  event->kind = RECORD_PATH;
  event->edge = edge_index;
  event->counters = index;
  event->cut = target->cut;
  /* The query and headers behind the path are nobody's business. */
  for (__u32 i = 0; i < URI_BYTES / 8; i++)
    event->words[i] = 8 * i < target->path_bytes ? target->words[i] : 0;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return index;
}

/* Index of the counters of a request's path; 0 when it has none of its own. */
static __always_inline __u32 path_of(__u32 edge, const struct message *message, __u32 method_bytes,
                                     __u32 fragment_bytes) {
  struct network_path_key key = {.edge = edge};
  __u32 zero = 0, index, *known;
  struct target *target = bpf_map_lookup_elem(&targets, &zero);
  int bytes;

  if (!target)
    return 0;
  bytes = read_target(message, method_bytes, fragment_bytes, (__u8 *)target->words);
  if (bytes < 0) {
    count_loss(LOSS_UNREADABLE);
    return 0;
  }
  /* What was there before is another request's. */
  ((__u8 *)target->words)[bytes & (URI_BYTES - 1)] = 0;
  key.hash = cut_path();
  /* What is cut is not the path that looks the same. */
  target->cut = target->path_bytes >= (__u32)bytes;
  key.hash ^= target->cut;
  known = bpf_map_lookup_elem(&path_indexes, &key);
  index = known ? *known : add_path(edge, key.hash);
  if (!index)
    count_loss(LOSS_PATHS);
  return index;
}

#endif
