// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stack.bpf.h"

#include "on_cpu.h"

/* Cumulative counts, never deleted while a task runs: user space subtracts. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384); /* (24 + 8 + 48 bytes of element) x 16,384 = 1.3 MB */
  __type(key, struct sample_key);
  __type(value, __u64);
} samples SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 16 bytes a CPU */
  __type(key, __u32);
  __type(value, struct on_cpu_counters_value);
} counters SEC(".maps");

static __always_inline void count_sample(const struct sample_key *key,
                                         struct on_cpu_counters_value *count) {
  __u64 *weight = bpf_map_lookup_elem(&samples, key);
  __u64 one = 1;

  if (!weight) {
    if (!bpf_map_update_elem(&samples, key, &one, BPF_NOEXIST))
      return;
    /* Another CPU may have been first. */
    weight = bpf_map_lookup_elem(&samples, key);
  }
  if (weight)
    __sync_fetch_and_add(weight, 1);
  else
    count->lost_samples++;
}

/*
 * Takes one sample of what a CPU runs when it is a thread of a target.
 *
 * Hook: a cpu-clock perf event on every CPU: it needs no hardware counter and no kprobe, and
 * interrupts kernel and user code alike.
 *
 * Maps: 5.8 MB a task, all preallocated, so that an interrupt never allocates.
 *
 * Cost: 3 us for a target's sample of 20 frames, half more by unwind tables, 0.5 us for any other
 * process; twice that at 99 Hz, where caches are cold.
 *
 * The frames are sent before their sample is counted: who reads the counts first and then the ring
 * has the frames of all of them.
 */
SEC("perf_event")
int on_cpu(struct bpf_perf_event_data *context) {
  struct on_cpu_counters_value *count;
  struct sample_key key = {};
  struct stack_event *stack;
  struct thread_ids ids;
  struct stack_pair pair;
  __u32 zero = 0;

  if (bpf_get_current_pid_tgid() == 0)
    return 0; /* an idle CPU */
  count = bpf_map_lookup_elem(&counters, &zero);
  stack = bpf_map_lookup_elem(&scratch, &zero);
  if (!count || !stack)
    return 0;
  ids = find_target(bpf_get_current_task_btf(), stack);
  if (!ids.tgid)
    return 0;

  count->taken++;
  pair = take_stacks(context, stack, &ids);
  key.tgid = ids.tgid;
  key.tid = ids.tid;
  key.user_hash = pair.user_hash;
  key.kernel_hash = pair.kernel_hash;
  count_sample(&key, count);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
