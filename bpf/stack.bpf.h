/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks of the threads of a task's targets, for every profiler: it captures them, hashes them and
 * sends the frames of each once. One program includes it; the maps are its own.
 */
#ifndef STAKEOUT_STACK_BPF_H
#define STAKEOUT_STACK_BPF_H

#include "common.bpf.h"

#include "python.h"
#include "stack.h"
#include "unwind.bpf.h"

/* Set by the loader. */
const volatile __u32 targets[MAX_TARGETS] = {}; /* in the agent's pid namespace; 0 is none */
const volatile __u64 pid_namespace_inode = 0;   /* of the agent's /proc/self/ns/pid */
const volatile __u64 hash_seed = 0;

EMIT_RECORD(thread_event);

/* A thread, as the agent's pid namespace numbers it. */
struct thread_ids {
  __u32 tgid;
  __u32 tid;
};

/* What a thread does: a hash of 0 means that there is no such stack. */
struct stack_pair {
  __u64 user_hash;
  __u64 kernel_hash;
};

/* Hashes whose frames are in the ring or were read from it. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384); /* (8 + 8 + 48) x 16,384 = 1 MB */
  __type(key, __u64);
  __type(value, __u8);
} known_stacks SEC(".maps");

/* Names by thread, so that each is sent once. One that is evicted is sent again. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096); /* (8 + 32 + 56) x 4,096 = 0.4 MB */
  __type(key, __u64);
  __type(value, struct thread_event);
} known_threads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* 1,000 of the deepest stacks, 6,500 of 17 frames; a second */
} stacks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 2,072 bytes a CPU: too much for the 512 of a program's stack */
  __type(key, __u32);
  __type(value, struct stack_event);
} scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 32 bytes a CPU */
  __type(key, __u32);
  __type(value, struct stack_counters_value);
} stack_counters SEC(".maps");

/* The reader comes every second; it is woken before only when a quarter of the ring is full. */
static __always_inline __u64 wake_up(void) {
  __u64 filled = bpf_ringbuf_query(&stacks, BPF_RB_AVAIL_DATA);

  return filled >= bpf_ringbuf_query(&stacks, BPF_RB_RING_SIZE) / 4 ? BPF_RB_FORCE_WAKEUP
                                                                    : BPF_RB_NO_WAKEUP;
}

/* Here, for it uses the ring and the scratch space. */
#include "python.bpf.h"

static __always_inline __u64 hash_stack(const struct stack_event *stack) {
  __u64 hash = mix(hash_seed, stack->kind | (__u64)stack->outcome << 32);

  for (__u32 i = 0; i < MAX_FRAMES && i < stack->depth; i++)
    hash = mix(hash, stack->addresses[i]);
  return hash ?: 1;
}

/*
 * Sends the frames of a stack once. The hash is marked known first, so that two CPUs do not both
 * send it, and unmarked when the ring has no room, so that its next sample tries again.
 */
static __always_inline void send_stack(const struct stack_event *stack,
                                       struct stack_counters_value *count) {
  __u64 hash = stack->hash;
  __u64 depth = stack->depth, python_depth = stack->python_depth;
  __u8 known = 1;

  if (bpf_map_lookup_elem(&known_stacks, &hash))
    return;
  if (bpf_map_update_elem(&known_stacks, &hash, &known, BPF_NOEXIST)) {
    /* Either another CPU was first, and sends it, or the map is full. */
    if (!bpf_map_lookup_elem(&known_stacks, &hash))
      count->unsent_stacks++;
    return;
  }
  /* The very register that was compared is to be multiplied. */
  barrier_var(depth);
  barrier_var(python_depth);
  if (depth > MAX_FRAMES || python_depth > MAX_PYTHON_FRAMES)
    return;
  if (bpf_ringbuf_output(&stacks, (void *)stack,
                         __builtin_offsetof(struct stack_event, addresses) +
                             (depth + python_depth) * sizeof(__u64),
                         wake_up())) {
    bpf_map_delete_elem(&known_stacks, &hash);
    count->unsent_stacks++;
  }
}

/* Sees to it that user space gets a stack's frames. Returns its hash, 0 when there are none. */
static __always_inline __u64 finish_stack(struct stack_event *stack, __u64 python_hash,
                                          struct stack_counters_value *count) {
  if (stack->depth == 0 && stack->python_depth == 0)
    return 0;
  stack->hash = hash_stack(stack);
  if (python_hash)
    stack->hash = mix(stack->hash, python_hash) ?: 1;
  send_stack(stack, count);
  return stack->hash;
}

/* Captures the stack of one kind by the kernel's own walk, which knows frame pointers alone. */
static __always_inline void walk_stack(void *context, struct stack_event *stack, __u64 flags) {
  long bytes = bpf_get_stack(context, stack->addresses, MAX_FRAMES * sizeof(__u64), flags);

  stack->depth = bytes > 0 ? bytes / sizeof(__u64) : 0;
}

/* The user stack of the thread that runs now, with the frames of its Python. */
static __always_inline __u64 take_user_stack(void *context, struct stack_event *stack,
                                             const struct thread_ids *ids, bool *truncated,
                                             struct stack_counters_value *count) {
  __u64 python_hash;

  stack->kind = USER_STACK;
  stack->python_depth = 0;
  if (!unwind_user_stack(bpf_get_current_task_btf(), ids->tgid == targets[0] ? 0 : 1, stack)) {
    walk_stack(context, stack, BPF_F_USER_STACK);
    stack->outcome = UNWIND_FRAME_POINTERS;
  }
  if (stack->depth == 0)
    count->missing_user_stacks++;
  *truncated = stack->depth == MAX_FRAMES;
  python_hash = add_python_frames(stack, ids, truncated);
  return finish_stack(stack, python_hash, count);
}

static __always_inline __u64 take_kernel_stack(void *context, struct stack_event *stack,
                                               struct stack_counters_value *count) {
  stack->kind = KERNEL_STACK;
  stack->python_depth = 0;
  stack->outcome = 0;
  walk_stack(context, stack, 0);
  return finish_stack(stack, 0, count);
}

static __always_inline bool is_same_name(const struct thread_event *one,
                                         const struct thread_event *two) {
  const __u64 *left = (const void *)one->name, *right = (const void *)two->name;

  return left[0] == right[0] && left[1] == right[1];
}

static __always_inline void send_thread(struct thread_event *thread,
                                        struct stack_counters_value *count) {
  __u64 key = (__u64)thread->tgid << 32 | thread->tid;
  struct thread_event *known;

  known = bpf_map_lookup_elem(&known_threads, &key);
  if (known && is_same_name(known, thread))
    return;
  if (bpf_ringbuf_output(&stacks, thread, sizeof(*thread), wake_up())) {
    count->unsent_threads++;
    return;
  }
  bpf_map_update_elem(&known_threads, &key, thread, BPF_ANY);
}

/*
 * Passes a number through a map's memory, of which the verifier knows nothing: it then verifies
 * what follows once, not once for each of 32 levels: 40 ms instead of 140.
 */
static __always_inline int forget_value(int value, struct stack_event *scratch) {
  *(volatile __u32 *)&scratch->depth = value;
  return *(volatile __u32 *)&scratch->depth;
}

/*
 * Says who a thread is in the agent's pid namespace, when it belongs to a target; a tgid of 0 is
 * none.
 */
static __always_inline struct thread_ids find_target(struct task_struct *task,
                                                     struct stack_event *scratch) {
  struct thread_ids ids = {};
  int level;

  level =
      forget_value(namespace_level(task->group_leader->thread_pid, pid_namespace_inode), scratch);
  if (level < 0)
    return ids;
  ids.tgid = id_at_level(task->group_leader->thread_pid, level).nr;
  if (ids.tgid != targets[0] && ids.tgid != targets[1])
    ids.tgid = 0;
  if (ids.tgid)
    ids.tid = id_at_level(task->thread_pid, level).nr;
  return ids;
}

/*
 * Takes the user and the kernel stack of the thread that runs now, and its name.
 */
static __always_inline struct stack_pair take_stacks(void *context, struct stack_event *scratch,
                                                     const struct thread_ids *ids) {
  struct thread_event thread = {.kind = THREAD, .tgid = ids->tgid, .tid = ids->tid};
  struct stack_counters_value *count;
  struct stack_pair pair = {};
  bool truncated;
  __u32 zero = 0;

  count = bpf_map_lookup_elem(&stack_counters, &zero);
  if (!count)
    return pair;
  pair.user_hash = take_user_stack(context, scratch, ids, &truncated, count);
  pair.kernel_hash = take_kernel_stack(context, scratch, count);
  if (truncated || scratch->depth == MAX_FRAMES)
    count->truncated++;
  bpf_get_current_comm(thread.name, sizeof(thread.name));
  send_thread(&thread, count);
  return pair;
}

#endif
