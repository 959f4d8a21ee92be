// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Writes 4 KiB for every thread of the host: more than a reader's first buffer holds. */
#include "common.bpf.h"

struct block {
  __u64 number;
  __u8 rest[4088];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct block);
} block SEC(".maps");

SEC("iter/task")
int write_blocks(struct bpf_iter__task *context) {
  __u32 zero = 0;
  struct block *value = bpf_map_lookup_elem(&block, &zero);

  if (!context->task || !value || value->number >= 300)
    return 0;
  /* What did not fit is asked for again. */
  if (!bpf_seq_write(context->meta->seq, value, sizeof(*value)))
    value->number++;
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
