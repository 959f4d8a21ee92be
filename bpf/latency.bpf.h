/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counts requests by how long they took. */
#ifndef STAKEOUT_LATENCY_BPF_H
#define STAKEOUT_LATENCY_BPF_H

#include "common.bpf.h"
#include "http.h"

#define MAX_RAISES 4

/* See LATENCY_BUCKETS. */
static __always_inline __u32 latency_bucket(__u64 latency_ns) {
  __u64 units = latency_ns >> LATENCY_UNIT_SHIFT;
  __u32 rest = units, octave, step;

  if (units < 8)
    return units;
  if (units >= 1 << 26)
    return LATENCY_BUCKETS - 1;
  octave = (rest > 0xffff) << 4;
  rest >>= octave;
  step = (rest > 0xff) << 3;
  rest >>= step;
  octave |= step;
  step = (rest > 0xf) << 2;
  rest >>= step;
  octave |= step;
  step = (rest > 0x3) << 1;
  rest >>= step;
  octave |= step | rest >> 1;
  octave = (octave - 3) & 31;
  return 8 * octave + (units >> octave);
}

/* Makes a number that others may raise as well at least so large. */
static __always_inline void raise(__u64 *highest, __u64 value) {
  for (int i = 0; i < MAX_RAISES; i++) {
    __u64 known = *highest;

    if (value <= known || __sync_val_compare_and_swap(highest, known, value) == known)
      break;
  }
}

static __always_inline void add_request(struct http_counters_value *count, __u32 status,
                                        __u64 latency_ns) {
  __u32 bucket = latency_bucket(latency_ns);

  __sync_fetch_and_add(&count->sum_ns, latency_ns);
  if (status >= 500)
    __sync_fetch_and_add(&count->errors_5xx, 1);
  else if (status >= 400)
    __sync_fetch_and_add(&count->errors_4xx, 1);
  raise(&count->max_ns, latency_ns);
  /* Last: user space counts requests by their buckets. */
  if (bucket < LATENCY_BUCKETS)
    __sync_fetch_and_add(&count->buckets[bucket], 1);
}

#endif
