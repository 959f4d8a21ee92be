/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which frame of CPython a thread runs. */
#ifndef STAKEOUT_PYTHON_THREAD_BPF_H
#define STAKEOUT_PYTHON_THREAD_BPF_H

#include "python_maps.bpf.h"

/* Interpreters and threads that are looked at for one thread's state. */
#define MAX_PYTHON_STATES 256
/* A thread that runs no frame is looked up again after so long. */
#define MISSING_STATE_NS 50000000ULL
#define NO_CFRAME 0xffff

/* The frame that a state runs, 0 when it runs none. */
static __always_inline __u64 frame_of(volatile struct python_process_value *process, __u64 state) {
  __u64 frame = read_user_word(state + process->thread_frame);

  return process->cframe_frame == NO_CFRAME ? frame : read_user_word(frame + process->cframe_frame);
}

/* A thread has a state in each interpreter that it ever ran; those of the others run nothing. */
static long visit_python_state(__u32 index, void *context) {
  volatile struct python_process_value *process;
  struct python_search *search;
  struct python_scratch *copy;
  __u32 zero = 0;

  copy = bpf_map_lookup_elem(&python_scratch, &zero);
  if (!copy)
    return 1;
  search = &copy->search;
  process = python_at(search->process);
  if (!search->state) {
    if (!search->interpreter)
      return 1;
    search->state = read_user_word(search->interpreter + process->interpreter_threads);
    search->interpreter = read_user_word(search->interpreter + process->interpreter_next);
    return 0;
  }
  if (read_user_word(search->state + process->thread_id) == search->thread) {
    search->found = search->state;
    if (frame_of(process, search->state))
      return 1;
  }
  search->state = read_user_word(search->state + process->thread_next);
  return 0;
}

/* Whether a state is still this thread's: freed memory keeps its bytes for a while, so it must be
 * in its interpreter's list as well. */
static __always_inline bool is_state_of(volatile struct python_process_value *process, __u64 state,
                                        __u64 thread) {
  __u64 previous;

  if (read_user_word(state + process->thread_id) != thread)
    return false;
  previous = read_user_word(state + process->thread_previous);
  if (previous)
    return read_user_word(previous + process->thread_next) == state;
  previous = read_user_word(state + process->thread_interpreter);
  return read_user_word(previous + process->interpreter_threads) == state;
}

/*
 * Finds what the thread that runs now runs of Python: its newest frame, 0 when there is none.
 * Threads are told apart by pthread_self(), which is the base of their FS segment and the same in
 * every pid namespace and after fork().
 */
static __always_inline __u64 find_python_frame(struct python_search *search, __u32 index,
                                               __u32 tid) {
  volatile struct python_process_value *process = python_at(index);
  struct python_thread *known, found = {};
  __u64 now = bpf_ktime_get_ns(), frame = 0;

  search->thread = bpf_get_current_task_btf()->thread.fsbase;
  search->process = index;
  search->state = 0;
  search->found = 0;
  known = bpf_map_lookup_elem(&python_threads, &tid);
  if (known && known->state && is_state_of(process, known->state, search->thread))
    frame = frame_of(process, known->state);
  if (frame || (known && now - known->searched_ns < MISSING_STATE_NS))
    return frame;
  search->interpreter = read_user_word(process->runtime + process->runtime_interpreters);
  bpf_loop(MAX_PYTHON_STATES, visit_python_state, NULL, 0);
  found.state = search->found;
  found.searched_ns = now;
  bpf_map_update_elem(&python_threads, &tid, &found, BPF_ANY);
  return search->found ? frame_of(process, search->found) : 0;
}

#endif
