/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which threads are a target's, what is known of each, and how a wait is counted. */
#ifndef STAKEOUT_OFF_CPU_COUNT_BPF_H
#define STAKEOUT_OFF_CPU_COUNT_BPF_H

#include "stack.bpf.h"

#include "off_cpu.h"

#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED_OR_TRACED 0xc
#define TASK_DEAD 0x80

/* What a wait must last to be kept; set by the loader. */
const volatile __u64 minimum_ns = 1000000;

/*
 * The targets as the host numbers them, so that a switch of any other process costs two
 * comparisons; see_waiting() finds them, until then there is none.
 */
__u32 host_tgids[MAX_TARGETS];

/* User space subtracts. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384); /* (40 + 24 + 48 bytes of element) x 16,384 = 1.8 MB */
  __type(key, struct off_cpu_key);
  __type(value, struct off_cpu_value);
} samples SEC(".maps");

/* By the host's thread id; an entry goes when its thread ends. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192); /* (4 + 72 + 52) x 8,192 = 1 MB */
  __type(key, __u32);
  __type(value, struct off_cpu_thread_value);
} threads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 64 bytes a CPU */
  __type(key, __u32);
  __type(value, struct off_cpu_counters_value);
} counters SEC(".maps");

static __always_inline __u32 name_state(__u32 state) {
  if (state & TASK_INTERRUPTIBLE)
    return SLEEPING;
  if (state & TASK_UNINTERRUPTIBLE)
    return DISK;
  return state & TASK_STOPPED_OR_TRACED ? STOPPED : PARKED;
}

static __always_inline bool is_target(struct task_struct *task) {
  __u32 tgid = task->tgid;

  return tgid && (tgid == host_tgids[0] || tgid == host_tgids[1]);
}

/* A target's thread; NULL when it is new and the map is full. */
static __always_inline struct off_cpu_thread_value *find_thread(struct task_struct *task,
                                                                struct stack_event *stack) {
  struct off_cpu_thread_value *thread, fresh = {};
  __u32 tid = task->pid;
  struct thread_ids ids;

  thread = bpf_map_lookup_elem(&threads, &tid);
  if (thread)
    return thread;
  ids = find_target(task, stack);
  fresh.tgid = ids.tgid;
  fresh.tid = ids.tid;
  bpf_map_update_elem(&threads, &tid, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline struct off_cpu_value *find_sample(const struct off_cpu_key *key) {
  struct off_cpu_value *sample = bpf_map_lookup_elem(&samples, key), fresh = {};

  if (sample)
    return sample;
  bpf_map_update_elem(&samples, key, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&samples, key);
}

/*
 * Counts what a thread waited since a moment. Who calls has taken that moment out of the thread's
 * entry, so that nobody else counts the same time. All sums are atomic: the read of every second
 * runs where a switch may interrupt it.
 */
static __always_inline void count_wait(struct off_cpu_thread_value *thread, __u64 since_ns,
                                       __u64 now_ns) {
  __u64 off_ns = now_ns - thread->start_ns, one_in = thread->one_in;
  __u64 runnable_ns = thread->woken_ns, waits;
  struct off_cpu_counters_value *count;
  struct off_cpu_key key = {};
  struct off_cpu_value *sample;
  __u32 zero = 0;

  count = bpf_map_lookup_elem(&counters, &zero);
  if (!count)
    return;
  if (off_ns < minimum_ns) {
    __sync_fetch_and_add(&count->brief, one_in);
    __sync_fetch_and_add(&count->brief_ns, off_ns * one_in);
    return;
  }
  if (!runnable_ns || runnable_ns > now_ns)
    runnable_ns = now_ns;
  if (runnable_ns < since_ns)
    runnable_ns = since_ns;
  waits = since_ns == thread->start_ns ? one_in : 0;
  __sync_fetch_and_add(&count->taken, waits);
  key.tgid = thread->tgid;
  key.tid = thread->tid;
  key.user_hash = thread->user_hash;
  key.kernel_hash = thread->kernel_hash;
  key.state = thread->state;
  sample = find_sample(&key);
  if (!sample) {
    __sync_fetch_and_add(&count->lost_samples, waits);
    return;
  }
  __sync_fetch_and_add(&sample->waits, waits);
  __sync_fetch_and_add(&sample->blocked_ns, (runnable_ns - since_ns) * one_in);
  __sync_fetch_and_add(&sample->run_queue_ns, (now_ns - runnable_ns) * one_in);
}

#endif
