/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user stack of a thread that does not run, as a copy: an iterator that may sleep can read its
 * memory, the unwinder cannot. One program that includes it before stack.bpf.h has its unwinder
 * read such copies.
 */
#ifndef STAKEOUT_STACK_COPY_BPF_H
#define STAKEOUT_STACK_COPY_BPF_H

#include "common.bpf.h"

#define UNWIND_COPIED_STACKS

/* 16 KB, 8 KB, ... 64 bytes: together 32 KB, or as much as is mapped. */
#define LARGEST_PART 16384
#define STACK_COPY_BYTES (2 * LARGEST_PART)
/* What the unwinder reads at most at once, a signal frame's registers. */
#define MOST_READ_BYTES 256

struct stack_copy {
  __u64 start; /* in the thread's memory */
  __u64 bytes;
  /* Twice the size: shows the verifier that a part fits wherever it begins. */
  char memory[2 * STACK_COPY_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* 64 KB */
  __type(key, __u32);
  __type(value, struct stack_copy);
} stack_copies SEC(".maps");

/* Copies what lies above a thread's stack pointer: the halves that are mapped, one after the other.
 */
static __always_inline struct stack_copy *copy_stack(struct task_struct *task, __u64 sp) {
  struct stack_copy *copy;
  __u32 zero = 0;

  copy = bpf_map_lookup_elem(&stack_copies, &zero);
  if (!copy)
    return NULL;
  copy->start = sp;
  copy->bytes = 0;
#pragma unroll
  for (__u32 part = LARGEST_PART; part >= 64; part /= 2) {
    __u64 at = copy->bytes & (STACK_COPY_BYTES - 1);

    if (!bpf_copy_from_user_task(copy->memory + at, part, (void *)(sp + at), task, 0))
      copy->bytes = at + part;
  }
  return copy;
}

/* Reads what a copy has of a thread's memory. */
static __always_inline bool read_copied_stack(void *to, __u32 bytes, __u64 address) {
  struct stack_copy *copy;
  __u32 zero = 0;
  __u64 at;

  copy = bpf_map_lookup_elem(&stack_copies, &zero);
  if (!copy)
    return false;
  at = address - copy->start;
  if (at > STACK_COPY_BYTES - MOST_READ_BYTES || at + bytes > copy->bytes)
    return false;
  return bpf_probe_read_kernel(to, bytes, copy->memory + at) == 0;
}

#endif
