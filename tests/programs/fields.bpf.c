// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sends each record of the product once, every field another value, to be decoded in user space. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "on_cpu.h"
#include "process.h"
#include "stack.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct sample_key);
  __type(value, struct on_cpu_counters_value);
} counted SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct stack_counters_value);
} counted_stacks SEC(".maps");

const volatile __u8 narrow = 0;
const volatile __s32 negative = 0;

SEC("syscall")
int send_all(void *context) {
  struct process_event process = {
      .run_time_ns = 0x1000000000001,
      .start_boot_ns = 0x1000000000002,
      .cgroup_id = 0xf000000000000003,
      .exec_id = 0xf000000000000004,
      .pid = 0xf0000005,
      .parent_pid = 0xf0000006,
      .threads = 7,
      .unwalked_threads = 8,
      .uid = 9,
      .torn = 10,
      .tgid = 11,
      .name = "fifteen letters",
  };
  struct thread_event thread = {.kind = 11, .tgid = 12, .tid = 13, .name = "t\xc3\xa9st"};
  struct sample_key key = {
      .tgid = 14, .tid = 15, .user_hash = 0xf000000000000010, .kernel_hash = 0xf000000000000011};
  struct on_cpu_counters_value counters = {.taken = 18, .lost_samples = 19};
  struct stack_counters_value stack_counters = {
      .unsent_stacks = 20,
      .unsent_threads = 21,
      .truncated = 22,
      .missing_user_stacks = 23,
  };
  __u32 zero = 0;

  bpf_ringbuf_output(&ring, &process, sizeof(process), 0);
  bpf_ringbuf_output(&ring, &thread, sizeof(thread), 0);
  bpf_map_update_elem(&counted, &key, &counters, BPF_ANY);
  bpf_map_update_elem(&counted_stacks, &zero, &stack_counters, BPF_ANY);
  return narrow + negative;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
