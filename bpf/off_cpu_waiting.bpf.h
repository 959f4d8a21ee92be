/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads that wait while nothing switches: those that did when the task began, and every second.
 */
#ifndef STAKEOUT_OFF_CPU_WAITING_BPF_H
#define STAKEOUT_OFF_CPU_WAITING_BPF_H

#include "off_cpu_count.bpf.h"

/* Apart from that of the switches, which may interrupt an iterator. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* 2,072 bytes */
  __type(key, __u32);
  __type(value, struct stack_event);
} waiting_scratch SEC(".maps");

/* What a function with a frame pointer leaves on the stack. */
struct frame_record {
  __u64 caller;
  __u64 return_address;
};

/* Walks the frame pointers of a thread that does not run; its memory may have to be read from disk.
 */
static __always_inline __u32 walk_user_stack(struct task_struct *task, struct stack_event *stack) {
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u64 frame = regs->bp;
  __u32 depth;

  stack->addresses[0] = regs->ip;
  for (depth = 1; depth < MAX_FRAMES; depth++) {
    struct frame_record record = {};

    if (bpf_copy_from_user_task(&record, sizeof(record), (void *)frame, task, 0) ||
        !record.return_address)
      break;
    stack->addresses[depth] = record.return_address;
    if (record.caller <= frame) {
      depth++;
      break;
    }
    frame = record.caller;
  }
  return depth;
}

static __always_inline __u64 take_waiting_user_stack(struct task_struct *task, __u32 target,
                                                     struct stack_event *stack,
                                                     struct stack_counters_value *count) {
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);

  stack->kind = USER_STACK;
  if (!copy_stack(task, registers->sp) || !unwind_stack(task, target, true, stack)) {
    stack->depth = walk_user_stack(task, stack);
    stack->outcome = UNWIND_FRAME_POINTERS;
  }
  return finish_stack(stack, 0, count);
}

static __always_inline __u64 take_waiting_kernel_stack(struct task_struct *task,
                                                       struct stack_event *stack,
                                                       struct stack_counters_value *count) {
  long bytes = bpf_get_task_stack(task, stack->addresses, MAX_FRAMES * sizeof(__u64), 0);

  stack->kind = KERNEL_STACK;
  stack->outcome = 0;
  stack->depth = bytes > 0 ? (__u64)bytes / sizeof(__u64) : 0;
  return finish_stack(stack, 0, count);
}

static __always_inline void take_waiting_stacks(struct task_struct *task, __u32 target,
                                                struct stack_event *stack,
                                                struct off_cpu_thread_value *value) {
  struct thread_event thread = {.kind = THREAD, .tgid = value->tgid, .tid = value->tid};
  struct stack_counters_value *count;
  __u32 zero = 0;

  count = bpf_map_lookup_elem(&stack_counters, &zero);
  if (!count)
    return;
  value->user_hash = take_waiting_user_stack(task, target, stack, count);
  value->kernel_hash = take_waiting_kernel_stack(task, stack, count);
  bpf_probe_read_kernel(thread.name, sizeof(thread.name), task->comm);
  send_thread(&thread, count);
}

/*
 * Takes the user stack of a thread anew that has waited since it was seen: tables came meanwhile.
 * Its time so far stays where it is.
 */
static __always_inline void take_user_stack_again(struct task_struct *task, __u32 target,
                                                  struct stack_event *stack,
                                                  struct off_cpu_thread_value *thread) {
  struct stack_counters_value *count;
  __u64 user_hash;
  __u32 zero = 0;

  count = bpf_map_lookup_elem(&stack_counters, &zero);
  if (!count || !thread->since_ns || thread->seen_switches != task->nvcsw + 1)
    return;
  user_hash = take_waiting_user_stack(task, target, stack, count);
  if (thread->seen_switches == task->nvcsw + 1)
    thread->user_hash = user_hash;
}

/*
 * Finds the targets' number on the host, and takes the stacks of their threads that wait already:
 * of a process that hangs, no thread may ever switch.
 *
 * Hook: iter/task of one target, sleepable, once the switches are counted: a thread that switched
 * is known already, and one that wakes meanwhile is taken back. Run again when all unwind tables
 * are there, it takes the user stacks anew of those that still wait.
 *
 * Cost: 20 us a thread.
 */
SEC("iter.s/task")
int see_waiting(struct bpf_iter__task *context) {
  struct off_cpu_thread_value fresh = {.one_in = 1}, *thread;
  struct task_struct *task = context->task;
  __u32 zero = 0, tid, state, target;
  struct stack_event *stack;
  struct thread_ids ids;
  unsigned long switches;

  stack = bpf_map_lookup_elem(&waiting_scratch, &zero);
  if (!task || !stack)
    return 0;
  ids = find_target(task, stack);
  if (!ids.tgid)
    return 0;
  target = ids.tgid == targets[0] ? 0 : 1;
  host_tgids[target] = task->tgid;
  tid = task->pid;
  thread = bpf_map_lookup_elem(&threads, &tid);
  if (thread) {
    take_user_stack_again(task, target, stack, thread);
    return 0;
  }
  state = task->__state;
  switches = task->nvcsw;
  if (!state || state & TASK_DEAD || task->on_cpu)
    return 0;
  fresh.tgid = ids.tgid;
  fresh.tid = ids.tid;
  fresh.state = name_state(state);
  fresh.seen_switches = switches + 1;
  take_waiting_stacks(task, target, stack, &fresh);
  fresh.since_ns = fresh.start_ns = bpf_ktime_get_boot_ns();
  if (bpf_map_update_elem(&threads, &tid, &fresh, BPF_NOEXIST))
    return 0;
  thread = bpf_map_lookup_elem(&threads, &tid);
  if (thread && (task->__state != state || task->nvcsw != switches))
    __sync_val_compare_and_swap(&thread->since_ns, fresh.since_ns, 0);
  return 0;
}

static long count_waiting(void *map, __u32 *tid, struct off_cpu_thread_value *thread,
                          void *unused) {
  __u64 since_ns = thread->since_ns, now_ns = bpf_ktime_get_boot_ns();

  if (!since_ns || since_ns >= now_ns || now_ns - thread->start_ns < minimum_ns)
    return 0;
  if (__sync_val_compare_and_swap(&thread->since_ns, since_ns, now_ns) == since_ns)
    count_wait(thread, since_ns, now_ns);
  return 0;
}

/*
 * Counts the time so far of all threads that wait. Run by user space before it reads; what a thread
 * waits after that is counted when it runs again, or the next time.
 */
SEC("syscall")
int count_so_far(void *context) {
  bpf_for_each_map_elem(&threads, count_waiting, NULL, 0);
  return 0;
}

#endif
