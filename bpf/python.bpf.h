/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames of CPython 3.11 to 3.13, read out of the process: thread -> its state -> chain of frames
 * -> code objects. The code objects of a thread that is on a CPU or blocked are alive while the
 * program looks, so their names are read here, once, and not later by the agent. Nothing of what is
 * read is trusted: every walk is bounded and every address is only ever given to
 * bpf_probe_read_user().
 *
 * stack.bpf.h includes it and defines what it uses: hash_seed, the ring, scratch.
 */
#ifndef STAKEOUT_PYTHON_BPF_H
#define STAKEOUT_PYTHON_BPF_H

#include "python_code.bpf.h"
#include "python_thread.bpf.h"

#define OWNER_SHIM 3 /* FRAME_OWNED_BY_CSTACK */

/* One step along the chain of frames, leaf first. */
static long take_python_frame(__u32 index, void *context) {
  volatile struct python_process_value *process;
  struct python_scratch *copy;
  struct python_walk *walk;
  struct stack_event *stack;
  __u64 code, word;
  __u32 zero = 0, number;
  bool entry;

  copy = bpf_map_lookup_elem(&python_scratch, &zero);
  stack = bpf_map_lookup_elem(&scratch, &zero);
  if (!copy || !stack)
    return 1;
  walk = &copy->walk;
  if (!walk->frame || walk->count >= MAX_PYTHON_FRAMES)
    return 1;
  process = python_at(walk->process);
  if (bpf_probe_read_user(copy->frame, process->frame_bytes & 127, (void *)walk->frame)) {
    walk->broken = 1;
    return 1;
  }
  walk->frame = frame_word(copy, process->frame_previous);
  entry = copy->frame[process->frame_entry & 127] == (process->entry_is_shim ? OWNER_SHIM : 1);
  if (entry && process->entry_is_shim) {
    if (walk->count > 0)
      stack->addresses[(walk->first + walk->count - 1) & (MAX_STACK_WORDS - 1)] |=
          1ULL << PYTHON_ENTRY_BIT;
    walk->hash = mix(walk->hash, 1);
    return 0;
  }
  code = frame_word(copy, process->frame_code);
  number = number_code(copy, code);
  if (!number)
    walk->broken = 1;
  word = (frame_word(copy, process->frame_instruction) - code - process->code_instructions) >> 1;
  word = (__u64)number << PYTHON_CODE_SHIFT | (__u32)word;
  if (entry)
    word |= 1ULL << PYTHON_ENTRY_BIT;
  walk->hash = mix(walk->hash, word);
  stack->addresses[(walk->first + walk->count) & (MAX_STACK_WORDS - 1)] = word;
  walk->count++;
  return 0;
}

/*
 * Appends the Python frames of the thread that runs now to the native ones of its user stack, and
 * returns their hash, 0 when there are none.
 */
static __always_inline __u64 add_python_frames(struct stack_event *stack,
                                               const struct thread_ids *ids, bool *truncated) {
  volatile struct python_process_value *process;
  struct python_counters_value *count;
  struct python_scratch *copy;
  struct python_walk *walk;
  __u32 zero = 0, index;
  __u64 frame;

  if (!reads_python)
    return 0;
  index = ids->tgid == pythons[0].tgid ? 0 : 1;
  process = python_at(index);
  copy = bpf_map_lookup_elem(&python_scratch, &zero);
  count = bpf_map_lookup_elem(&python_counters, &zero);
  if (ids->tgid != process->tgid || !copy || !count)
    return 0;
  frame = find_python_frame(&copy->search, index, ids->tid);
  if (!frame)
    return 0;
  count->samples++;
  walk = &copy->walk;
  walk->frame = frame;
  walk->hash = hash_seed;
  walk->tgid = ids->tgid;
  walk->process = index;
  walk->first = stack->depth;
  walk->count = 0;
  walk->broken = 0;
  bpf_loop(MAX_STACK_WORDS, take_python_frame, NULL, 0);
  if (walk->broken)
    count->broken_samples++;
  if (walk->count == 0)
    return 0;
  stack->python_depth = walk->count;
  *truncated |= walk->count == MAX_PYTHON_FRAMES && walk->frame;
  return walk->hash;
}

#endif
