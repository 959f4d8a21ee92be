// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Unwinds the user stack of every sample of a target as the profilers do, and has perf write the
 * same sample, with registers and stack memory, into the event's own ring: two unwinders see one
 * interrupt.
 */
#include "stack.bpf.h"

struct walked_event {
  __u64 time_ns; /* CLOCK_MONOTONIC, as the event's samples have it */
  __u32 tid;
  __u32 pad;
  __u64 user_hash;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} walked SEC(".maps");

SEC("perf_event")
int sample(struct bpf_perf_event_data *context) {
  struct walked_event event = {};
  struct stack_event *stack;
  struct thread_ids ids;
  __u32 zero = 0;

  stack = bpf_map_lookup_elem(&scratch, &zero);
  if (!stack)
    return 0;
  ids = find_target(bpf_get_current_task_btf(), stack);
  if (!ids.tgid)
    return 0;
  event.time_ns = bpf_ktime_get_ns();
  event.tid = ids.tid;
  event.user_hash = take_stacks(context, stack, &ids).user_hash;
  if (event.user_hash && bpf_ringbuf_output(&walked, &event, sizeof(event), BPF_RB_NO_WAKEUP) == 0)
    return 1; /* perf writes its sample too */
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
