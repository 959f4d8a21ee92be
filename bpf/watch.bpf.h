/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which processes a program looks at, and what becomes of that at fork, exec and exit. */
#ifndef STAKEOUT_WATCH_BPF_H
#define STAKEOUT_WATCH_BPF_H

#include "common.bpf.h"
#include "watch.h"

#define EEXIST 17

/*
 * How many watched processes have these low 16 bits of a thread group id, a byte each: nearly all
 * processes that nobody watches are told by one load. At most 64 share a byte: ids have 22 bits.
 */
__u32 watch_filter[16384] = {};
/* Raised whenever a thread group id is watched under another number, or no longer. */
__u32 watch_generation = 0;

/* By thread group id in the host's pid namespace. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_WATCHES); /* (8 + 8 + 48 bytes of element) x 8,192 = 0.5 MB */
  __type(key, __u32);
  __type(value, struct watch_value);
} watches SEC(".maps");

static __always_inline bool may_be_watched(__u32 tgid) {
  return watch_filter[tgid >> 2 & 16383] >> 8 * (tgid & 3) & 255;
}

static __always_inline struct watch_value *find_watch(__u32 tgid) {
  return may_be_watched(tgid) ? bpf_map_lookup_elem(&watches, &tgid) : NULL;
}

static __always_inline void count_in_filter(__u32 tgid, __u32 one) {
  __sync_fetch_and_add(&watch_filter[tgid >> 2 & 16383], one << 8 * (tgid & 3));
}

/* Bytes of the filter never borrow from each other: each is lowered only after it was raised. */
static __always_inline void end_watch(__u32 tgid) {
  if (!bpf_map_delete_elem(&watches, &tgid)) {
    count_in_filter(tgid, -1);
    __sync_fetch_and_add(&watch_generation, 1);
  }
}

/* Watches a child as its parent, until user space gives it a number of its own: a server that forks
 * for each connection is counted whole. False when there is no room. */
static __always_inline bool watch_child(__u32 tgid, __u32 number) {
  struct watch_value value = {.number = number, .inherited = 1};
  long result = bpf_map_update_elem(&watches, &tgid, &value, BPF_NOEXIST);

  if (!result)
    count_in_filter(tgid, 1);
  return !result || result == -EEXIST;
}

/* A child that becomes another program is no part of its parent any more. */
static __always_inline void end_watch_at_exec(__u32 tgid) {
  struct watch_value *watch = find_watch(tgid);

  if (watch && watch->inherited)
    end_watch(tgid);
}

static __always_inline void end_watch_at_exit(struct task_struct *task) {
  if (may_be_watched(task->tgid) && task->signal->live.counter == 0)
    end_watch(task->tgid);
}

#endif
