/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of stacks and threads, shared by kernel and user space. */
#ifndef STAKEOUT_STACK_H
#define STAKEOUT_STACK_H

#define MAX_FRAMES 127
#define MAX_STACK_WORDS 256 /* room for MAX_FRAMES and, of Python, MAX_PYTHON_FRAMES */
#define MAX_TARGETS 2

/* First field of every record in the ring: tells which it is. */
enum stack_record {
  USER_STACK = 1,
  KERNEL_STACK = 2,
  THREAD = 3,
  PYTHON_CODE = 4,
};

/* One stack, sent when its hash is first seen; the record ends after its last frame. */
struct stack_event {
  __u32 kind;
  __u32 depth;
  __u64 hash;
  __u32 outcome; /* of a user stack: an unwind_outcome */
  __u32 python_depth;
  /* `depth` addresses, then `python_depth` Python frames (python.h), leaf first each. */
  __u64 addresses[MAX_STACK_WORDS];
};

/* A thread of a target, sent when first seen and when its name changed. */
struct thread_event {
  __u32 kind;
  __u32 tgid; /* both ids in the agent's pid namespace */
  __u32 tid;
  __u32 pad;
  char name[16];
};

/* One per CPU. */
struct stack_counters_value {
  __u64 unsent_stacks;  /* ring or known_stacks was full; tried again at the next such sample */
  __u64 unsent_threads; /* the ring was full; tried again at the thread's next sample */
  __u64 truncated;      /* samples with a stack of MAX_FRAMES */
  __u64 missing_user_stacks; /* samples whose user stack could not be read */
};

#endif
