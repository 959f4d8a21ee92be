/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks the user stack of the thread that runs now, for every profiler: by the tables of modules
 * that user space compiled, and by frame pointers where there is none.
 *
 * Callable from any program that runs in the context of the thread and may be interrupted
 * (perf_event, tp_btf): nothing is allocated, nothing waits. Memory that is not there ends the
 * walk.
 */
#ifndef STAKEOUT_UNWIND_BPF_H
#define STAKEOUT_UNWIND_BPF_H

#include "unwind_lookup.bpf.h"
#include "unwind_step.bpf.h"

#define MAX_USER_ADDRESS 0x7fffffffffffULL

struct unwind_context {
  struct unwind_walk *walk;
  struct stack_event *stack;
};

/* Returned by unwind_frame. */
enum { GO_ON = 0, STOP = 1 };

static __always_inline long end_whole(struct unwind_walk *walk) {
  walk->outcome = walk->lacked_table ? UNWIND_FRAME_POINTERS : UNWIND_WHOLE;
  return STOP;
}

/* Why this frame has no rule. */
static __always_inline __u32 missing_rule(const struct unwind_walk *walk, bool is_mapped) {
  if (!is_mapped || walk->mapping.table == UNWIND_TABLE_PENDING)
    return UNWIND_PENDING;
  return walk->mapping.table == UNWIND_TABLE_OVER_BUDGET ? UNWIND_OVER_BUDGET : UNWIND_NO_TABLE;
}

/* Adds one frame and goes to its caller. */
static long unwind_frame(__u32 index, struct unwind_context *context) {
  struct unwind_walk *walk = context->walk;
  struct stack_event *stack = context->stack;
  const struct unwind_rule *rule = NULL;
  __u32 depth = stack->depth;
  __u64 place = walk->ip - walk->is_return_address;
  bool is_mapped = find_mapping(walk, place);

  if (!is_mapped) {
    walk->misses = 1;
    if (walk->is_doubtful)
      return STOP;
  }
  if (depth >= MAX_FRAMES) {
    walk->outcome = UNWIND_TOO_DEEP;
    return STOP;
  }
  stack->addresses[depth] = walk->ip;
  stack->depth = depth + 1;

  if (is_mapped && walk->mapping.table < MAX_UNWIND_TABLES)
    rule = find_rule(&walk->mapping, place);
  if (rule && rule->base == BASE_END)
    return end_whole(walk);
  if (rule && rule->base != BASE_NONE) {
    if (!step_by_rule(walk, rule))
      return STOP;
  } else {
    /* The outermost frame has an rbp of 0. */
    if (depth > 0 && walk->has_frame_pointer && walk->bp == 0)
      return end_whole(walk);
    walk->outcome = missing_rule(walk, is_mapped);
    if (walk->outcome == UNWIND_PENDING)
      walk->lacked_table = true;
    if (!step_by_frame_pointer(walk))
      return STOP;
  }
  /* Threads of some runtimes begin with a return address of 0. */
  if (walk->ip == 0 && (!walk->is_doubtful || walk->bp == 0))
    return end_whole(walk);
  return walk->ip == 0 || walk->ip > MAX_USER_ADDRESS ? STOP : GO_ON;
}

static __always_inline void begin_walk(struct unwind_walk *walk, const struct pt_regs *registers) {
  walk->ip = registers->ip;
  walk->sp = registers->sp;
  walk->bp = registers->bp;
  walk->registers[0] = registers->ax;
  walk->registers[1] = registers->dx;
  walk->registers[2] = registers->cx;
  walk->registers[3] = registers->bx;
  walk->registers[4] = registers->si;
  walk->registers[5] = registers->di;
  walk->registers[8] = registers->r8;
  walk->registers[9] = registers->r9;
  walk->registers[10] = registers->r10;
  walk->registers[11] = registers->r11;
  walk->registers[12] = registers->r12;
  walk->registers[13] = registers->r13;
  walk->registers[14] = registers->r14;
  walk->registers[15] = registers->r15;
  walk->mapping.start = walk->mapping.end = 0;
  walk->outcome = UNWIND_BAD_MEMORY;
  walk->misses = 0;
  walk->registers_known = true;
  walk->is_return_address = false;
  walk->has_frame_pointer = true;
  walk->is_doubtful = false;
  walk->lacked_table = false;
}

/*
 * Fills in the addresses, leaf first, the depth and the outcome. False when the target's mappings
 * are not known, or the thread runs 32-bit code: then nothing was filled in. Of a thread that does
 * not run a copy of the stack is walked (stack_copy.bpf.h).
 */
static __always_inline bool unwind_stack(struct task_struct *task, __u32 target, bool is_copied,
                                         struct stack_event *stack) {
  volatile struct unwind_target_value *known = &unwind_targets[target % MAX_TARGETS];
  __u64 mappings = known->mappings, exec_id = known->exec_id;
  const struct pt_regs *registers = (const struct pt_regs *)bpf_task_pt_regs(task);
  struct unwind_context context = {.stack = stack};
  __u32 place = is_copied;

  known->seen_exec_id = task->self_exec_id;
  if (exec_id && exec_id != task->self_exec_id) {
    known->misses++;
    return false;
  }
  context.walk = bpf_map_lookup_elem(&unwind_walks, &place);
  if (!mappings || !context.walk || registers->cs != USER_CODE_SEGMENT)
    return false;
  begin_walk(context.walk, registers);
  context.walk->is_copied = is_copied;
  context.walk->first_mapping = mappings;
  context.walk->mapping_count = mappings >> 32;
  stack->depth = 0;
  bpf_loop(MAX_FRAMES + 1, unwind_frame, &context, 0);
  stack->outcome = context.walk->outcome;
  if (context.walk->misses)
    known->misses++;
  return true;
}

/* The stack of the thread that runs now. */
static __always_inline bool unwind_user_stack(struct task_struct *task, __u32 target,
                                              struct stack_event *stack) {
  return unwind_stack(task, target, false, stack);
}

#endif
