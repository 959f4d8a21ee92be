/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One step of a walk: from a frame to its caller's. */
#ifndef STAKEOUT_UNWIND_STEP_BPF_H
#define STAKEOUT_UNWIND_STEP_BPF_H

#include "unwind_maps.bpf.h"

#define PLT_ENTRY_BYTES 16
#define MAX_GUESSED_FRAME_BYTES (1 << 20)
/* Places of registers in a signal frame's struct sigcontext; r8 to r15 come first. */
#define SAVED_RBP 10
#define SAVED_RSP 15
#define SAVED_RIP 16

static __always_inline bool read_user(const struct unwind_walk *walk, void *to, __u32 bytes,
                                      __u64 address) {
#ifdef UNWIND_COPIED_STACKS
  if (walk->is_copied)
    return read_copied_stack(to, bytes, address);
#endif
  return bpf_probe_read_user(to, bytes, (const void *)address) == 0;
}

/*
 * The caller's frame lies where rbp points to, as in code with frame pointers. False when rbp
 * cannot be one.
 */
static __always_inline bool step_by_frame_pointer(struct unwind_walk *walk) {
  __u64 frame[2];

  if (!walk->has_frame_pointer || walk->bp < walk->sp || walk->bp % sizeof(__u64) != 0)
    return false;
  if (!read_user(walk, frame, sizeof(frame), walk->bp))
    return false;
  walk->sp = walk->bp + sizeof(frame);
  walk->bp = frame[0];
  walk->ip = frame[1];
  walk->registers_known = false;
  walk->is_return_address = true;
  walk->is_doubtful = true;
  return true;
}

/* A signal interrupted the caller: the kernel saved all of its registers. `rsp_at` is where its rsp
 * is. */
static __always_inline bool step_over_signal(struct unwind_walk *walk, __u64 rsp_at) {
  __u64 *saved = walk->saved, *registers = walk->registers;

  if (!read_user(walk, saved, sizeof(walk->saved), rsp_at - SAVED_RSP * sizeof(__u64)))
    return false;
  for (int number = 8; number < REGISTERS; number++)
    registers[number] = saved[number - 8];
  registers[5] = saved[8];
  registers[4] = saved[9];
  registers[3] = saved[11];
  registers[1] = saved[12];
  registers[0] = saved[13];
  registers[2] = saved[14];
  walk->bp = saved[SAVED_RBP];
  walk->sp = saved[SAVED_RSP];
  walk->ip = saved[SAVED_RIP];
  walk->has_frame_pointer = true;
  walk->registers_known = true;
  walk->is_return_address = false;
  walk->is_doubtful = false;
  return true;
}

/* The caller's rsp by a rule; 0 when it cannot be told. */
static __always_inline __u64 find_cfa(const struct unwind_walk *walk,
                                      const struct unwind_rule *rule) {
  __u64 slot, offset = (__s64)rule->cfa_offset;

  switch (rule->base) {
  case BASE_STACK_POINTER:
    return walk->sp + offset;
  case BASE_FRAME_POINTER:
    return walk->has_frame_pointer ? walk->bp + offset : 0;
  case BASE_PLT:
    return walk->sp + offset +
           (walk->ip % PLT_ENTRY_BYTES >= (__u64)rule->cfa_operand ? sizeof(__u64) : 0);
  case BASE_STACK_SLOT:
    return read_user(walk, &slot, sizeof(slot), walk->sp + offset) ? slot + (__s64)rule->cfa_operand
                                                                   : 0;
  case BASE_FRAME_SLOT:
    return walk->has_frame_pointer && read_user(walk, &slot, sizeof(slot), walk->bp + offset)
               ? slot + (__s64)rule->cfa_operand
               : 0;
  case BASE_INDEXED_SLOT:
    /* By r9, which is known in the innermost frame alone. */
    offset += walk->sp + sizeof(__u64) * walk->registers[9];
    return walk->registers_known && read_user(walk, &slot, sizeof(slot), offset)
               ? slot + (__s64)rule->cfa_operand
               : 0;
  default:
    if (rule->base < BASE_REGISTER)
      return 0;
    return walk->registers[(__u32)(rule->base - BASE_REGISTER) % REGISTERS] + offset;
  }
}

/* The caller's rbp. */
static __always_inline bool restore_frame_pointer(struct unwind_walk *walk,
                                                  const struct unwind_rule *rule, __u64 cfa) {
  __u64 base = cfa;

  switch (rule->frame_pointer) {
  case FRAME_POINTER_SAME:
    return true;
  case FRAME_POINTER_UNDEFINED:
    walk->has_frame_pointer = false;
    return true;
  case FRAME_POINTER_IN_FRAME:
    if (!walk->has_frame_pointer)
      return true;
    base = walk->bp;
    break;
  case FRAME_POINTER_ON_STACK:
    base = walk->sp;
    break;
  }
  walk->has_frame_pointer = true;
  return read_user(walk, &walk->bp, sizeof(walk->bp), base + (__s64)rule->frame_pointer_offset);
}

/*
 * By a register other than rbp and rsp, after its callee may have changed it: mostly right in the
 * hand-written code that has such rules, which calls nothing but its own parts.
 */
static __always_inline bool is_guessed(const struct unwind_walk *walk,
                                       const struct unwind_rule *rule) {
  return rule->base >= BASE_REGISTER && rule->base != BASE_FRAME_POINTER &&
         rule->base != BASE_STACK_POINTER && !walk->registers_known;
}

/* False when the stack does not hold what the rule says. */
static __always_inline bool step_by_rule(struct unwind_walk *walk, const struct unwind_rule *rule) {
  bool is_guess = is_guessed(walk, rule), is_other_stack;
  __u64 cfa;

  walk->outcome = UNWIND_BAD_MEMORY;
  if (rule->base == BASE_SIGNAL)
    return step_over_signal(walk, walk->sp + (__s64)rule->cfa_offset);
  cfa = find_cfa(walk, rule);
  /* By rbp, from one stack to another, as Go's runtime has them. */
  is_other_stack = cfa <= walk->sp && cfa != 0 && rule->base == BASE_FRAME_POINTER;
  if ((cfa <= walk->sp && !is_other_stack) ||
      (is_guess && cfa - walk->sp > MAX_GUESSED_FRAME_BYTES))
    return false;
  if (!read_user(walk, &walk->ip, sizeof(walk->ip), cfa + (__s64)rule->return_address_offset) ||
      !restore_frame_pointer(walk, rule, cfa))
    return false;
  walk->sp = cfa;
  walk->is_doubtful = is_guess || is_other_stack;
  walk->registers_known = false;
  walk->is_return_address = true;
  return true;
}

#endif
