// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stack_copy.bpf.h"

#include "stack.bpf.h"

#include <bpf/bpf_tracing.h>

#include "off_cpu_count.bpf.h"
#include "off_cpu_waiting.bpf.h"

/* Switches are counted by windows of a tenth of a second. */
#define WINDOW_NS 100000000ULL
/* What taking stacks may take of a window: 4 %. */
#define STACKS_NS 4000000ULL
/* What one switch's stacks count at most: whoever was interrupted meanwhile does not know. */
#define MOST_STACK_NS 100000ULL

/* Switches of one CPU, in one window, that are all taken, unless their stacks take too long. */
#define SWITCHES_PER_WINDOW 1000

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 24 bytes a CPU */
  __type(key, __u32);
  __type(value, struct off_cpu_pace_value);
} pace SEC(".maps");

/*
 * Says how many switches the next one taken stands for: the switches of this window so far, or of
 * the one before if there were more, by what a window may have, rounded up. The choice is made
 * before the draw, so that the sum of what is drawn is right in the mean whatever the pace does.
 */
static __always_inline __u32 choose_one_in(struct off_cpu_pace_value *own, __u64 now_ns) {
  __u64 window = now_ns / WINDOW_NS, payable = STACKS_NS / (own->stack_ns + 1);
  __u32 most;

  if (payable > SWITCHES_PER_WINDOW)
    payable = SWITCHES_PER_WINDOW;
  if (own->window != window) {
    own->previous = own->window + 1 == window ? own->switches : 0;
    own->window = window;
    own->switches = 0;
  }
  own->switches++;
  most = own->switches > own->previous ? own->switches : own->previous;
  return (most - 1) / (__u32)payable + 1;
}

static __always_inline void smooth_cost(struct off_cpu_pace_value *own, __u64 spent_ns) {
  if (spent_ns > MOST_STACK_NS)
    spent_ns = MOST_STACK_NS;
  own->stack_ns = own->stack_ns - own->stack_ns / 8 + spent_ns / 8;
}

static __always_inline void switch_out(void *context, struct task_struct *prev, bool runnable,
                                       __u32 prev_state, __u64 now_ns) {
  struct off_cpu_counters_value *count;
  struct off_cpu_thread_value *thread;
  struct off_cpu_pace_value *own;
  struct stack_event *stack;
  struct stack_pair pair;
  struct thread_ids ids;
  __u32 zero = 0, one_in, tid = prev->pid;

  count = bpf_map_lookup_elem(&counters, &zero);
  stack = bpf_map_lookup_elem(&scratch, &zero);
  own = bpf_map_lookup_elem(&pace, &zero);
  if (!count || !stack || !own)
    return;
  if (prev_state & TASK_DEAD) {
    bpf_map_delete_elem(&threads, &tid);
    return;
  }
  count->switches++;
  if (runnable)
    count->involuntary++;
  one_in = choose_one_in(own, now_ns);
  if (one_in > 1 && bpf_get_prandom_u32() % one_in)
    return;
  count->picked++;
  thread = find_thread(prev, stack);
  if (!thread) {
    __sync_fetch_and_add(&count->taken, one_in);
    __sync_fetch_and_add(&count->lost_threads, one_in);
    return;
  }
  ids.tgid = thread->tgid;
  ids.tid = thread->tid;
  pair = take_stacks(context, stack, &ids);
  smooth_cost(own, bpf_ktime_get_boot_ns() - now_ns);
  thread->user_hash = pair.user_hash;
  thread->kernel_hash = pair.kernel_hash;
  thread->state = runnable ? PREEMPTED : name_state(prev_state);
  thread->one_in = one_in;
  thread->seen_switches = 0;
  thread->start_ns = now_ns;
  thread->woken_ns = runnable ? now_ns : 0;
  /* Last: from now on the others count it. */
  __sync_lock_test_and_set(&thread->since_ns, now_ns);
}

static __always_inline void switch_in(struct task_struct *next, __u64 now_ns) {
  struct off_cpu_thread_value *thread;
  __u32 tid = next->pid;
  __u64 since_ns;

  thread = bpf_map_lookup_elem(&threads, &tid);
  if (!thread)
    return;
  since_ns = __sync_lock_test_and_set(&thread->since_ns, 0);
  if (since_ns)
    count_wait(thread, since_ns, now_ns);
}

/*
 * Takes the stack of a target's thread that leaves its CPU, and counts its time when it comes back.
 *
 * Hook: tp_btf/sched_switch, where the thread that leaves is still the current one, so that its
 * memory can be read. How long it stays away is only known afterwards: so a stack is taken of every
 * switch, and above a pace of one in N.
 *
 * Maps: 6.3 MB a task, all preallocated: no allocation with a run queue locked.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(off_cpu_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
             unsigned int prev_state) {
  bool leaves = is_target(prev), comes = is_target(next);
  __u64 now_ns;

  if (!leaves && !comes)
    return 0;
  now_ns = bpf_ktime_get_boot_ns();
  if (comes)
    switch_in(next, now_ns);
  if (leaves)
    switch_out(ctx, prev, preempt || prev_state == 0, prev_state, now_ns);
  return 0;
}

/*
 * Notes when a thread becomes runnable. Not sched_waking: that one may come before the thread has
 * left its CPU.
 */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(off_cpu_wakeup, struct task_struct *task) {
  struct off_cpu_thread_value *thread;
  __u32 tid;

  if (!is_target(task))
    return 0;
  tid = task->pid;
  thread = bpf_map_lookup_elem(&threads, &tid);
  if (thread && thread->since_ns && !thread->woken_ns)
    thread->woken_ns = bpf_ktime_get_boot_ns();
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
