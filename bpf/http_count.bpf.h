/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counts requests when they end, hands over samples, and matches URIs when they begin. */
#ifndef STAKEOUT_HTTP_COUNT_BPF_H
#define STAKEOUT_HTTP_COUNT_BPF_H

#include "http_maps.bpf.h"
#include "http_message.bpf.h"
#include "latency.bpf.h"

/* A function of its own, so that it is verified once. */
__attribute__((noinline)) int count_request(__u32 index, __u32 status, __u64 latency_ns) {
  struct http_counters_value *count = bpf_map_lookup_elem(&counters, &index);

  if (count && index != 0)
    add_request(count, status, latency_ns);
  return 0;
}

/* Reads the target of a request, or of it what its first buffer holds. */
static __always_inline struct http_uri_key *read_uri(const struct message *message,
                                                     __u32 method_bytes, __u32 fragment_bytes) {
  __u32 zero = 0;
  struct http_uri_key *key = bpf_map_lookup_elem(&scratch, &zero);
  int bytes = key ? read_target(message, method_bytes, fragment_bytes, key->text) : -1;

  if (!key || bytes < 0)
    return NULL;
  key->prefix_bits = 8 * bytes;
  return key;
}

static __always_inline void match_filters(struct http_connection_value *connection,
                                          const struct http_process_value *process,
                                          const struct http_uri_key *key, __u32 role) {
  struct http_uri_value *match = bpf_map_lookup_elem(&uris, key);
  struct http_filter_key filter = {.number = process->number, .role = role};
  __u32 found = 0;

  if (!match)
    return;
  for (__u32 i = 0; i < MAX_URI_MATCHES; i++) {
    __u32 *index;

    filter.filter = match->filters[i];
    if (filter.filter == 0)
      return;
    index = bpf_map_lookup_elem(&filter_counters, &filter);
    if (index)
      connection->counters[found++ & (MAX_URI_MATCHES - 1)] = *index;
  }
}

/* The nanosecond in which a request came is as good a die as the kernel's, and is there already. */
static __always_inline bool is_sampled(const struct http_process_value *process,
                                       const struct message *message) {
  __u32 shift = process->sample_shift;
  __u32 die = message->at_boot_ns * 0x9e3779b97f4a7c15ULL >> 32;

  return shift < NO_SAMPLES && !(die & ((1U << shift) - 1));
}

/*
 * Clears what `scratch` holds beyond a request's path: its query and headers are nobody's business.
 * The byte that ends the path stays. A function of its own, so that it is verified once, and
 * without branches, each of which would be verified from there on.
 */
__attribute__((noinline)) int cut_target(void) {
  __u32 zero = 0, kept = 0, keep = ~0U;
  struct http_uri_key *key = bpf_map_lookup_elem(&scratch, &zero);

  if (!key)
    return 0;
  for (__u32 i = 0; i < URI_BYTES; i++) {
    __u32 byte = key->text[i] & keep;
    /* 1 for what sorts before '!' and for '?'. */
    __u32 ends = (byte - '!') >> 31 | ((byte ^ '?') - 1) >> 31;

    key->text[i] = byte;
    kept += keep & 1;
    keep &= ends - 1;
    asm volatile("" : "+r"(keep));
  }
  if (key->prefix_bits > 8 * kept)
    key->prefix_bits = 8 * kept;
  return 0;
}

/* Remembers of a request what is needed when it ends: the filters it matches, and its URI if it is
 * sampled. */
static __always_inline void remember_target(struct http_connection_value *connection,
                                            const struct http_process_value *process,
                                            const struct message *message, __u32 method_bytes,
                                            __u32 fragment_bytes) {
  bool sampled = is_sampled(process, message);
  struct http_uri_key *key;
  __u64 id = message->key;

  __builtin_memset(connection->counters, 0, sizeof(connection->counters));
  connection->sampled = 0;
  if (!process->filtered && !sampled)
    return;
  key = read_uri(message, method_bytes, fragment_bytes);
  if (!key)
    return;
  connection->generation = filter_generation;
  if (process->filtered)
    match_filters(connection, process, key, connection->role - 1);
  if (sampled)
    cut_target();
  else
    __builtin_memset(key->text, 0, URI_BYTES);
  if (sampled && !bpf_map_update_elem(&sampled_uris, &id, key, BPF_ANY))
    connection->sampled = 1 + process->sample_shift;
}

static __always_inline void send_sample(const struct http_connection_value *connection,
                                        struct http_process_value *process,
                                        const struct message *message, __u32 status,
                                        __u64 latency_ns) {
  __u64 id = message->key;
  struct http_uri_key *key = bpf_map_lookup_elem(&sampled_uris, &id);
  struct http_sample_event *sample;

  sample = key ? bpf_ringbuf_reserve(&samples, sizeof(*sample), 0) : NULL;
  if (!sample) {
    __sync_fetch_and_add(&process->lost_samples, 1);
    return;
  }
  sample->ended_boot_ns = message->at_boot_ns;
  sample->latency_ns = latency_ns;
  sample->number = process->number;
  sample->status = status;
  sample->role = connection->role - 1;
  sample->uri_bytes = key->prefix_bits / 8;
  sample->shift = connection->sampled - 1;
  sample->pad = 0;
  __builtin_memcpy(sample->uri, key->text, URI_BYTES);
  /* The reader comes every second. */
  bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

/*
 * Counts a request for whoever handled its head. One that is watched no longer, or under another
 * number since, missed what came between: the time since that head is no request's.
 */
static __always_inline void count_ended(struct http_connection_value *connection,
                                        struct http_process_value *process,
                                        const struct message *message, __u32 status,
                                        __u64 latency_ns) {
  if (connection->number != process->number)
    process = find_place(connection->number);
  if (!process)
    return;
  count_request(process->counters[(connection->role - 1) & 1], status, latency_ns);
  if (connection->sampled)
    send_sample(connection, process, message, status, latency_ns);
  if (connection->generation != (__u16)filter_generation)
    return;
  for (__u32 i = 0; i < MAX_URI_MATCHES; i++) {
    if (connection->counters[i] == 0)
      return;
    count_request(connection->counters[i], status, latency_ns);
  }
}

#endif
