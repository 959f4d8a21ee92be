/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Code objects of CPython: what they are called, where they are, and their numbers. */
#ifndef STAKEOUT_PYTHON_CODE_BPF_H
#define STAKEOUT_PYTHON_CODE_BPF_H

#include "python_maps.bpf.h"

#define STATE_KIND_SHIFT 2
#define STATE_KIND_MASK 7
#define STATE_COMPACT 0x20
#define STATE_ASCII 0x40
#define MAX_TEXT_CHARACTERS (1 << 16)
/* Fields that are the same in all these versions. */
#define OBJECT_TYPE 8
#define VAR_OBJECT_SIZE 16
#define BYTES_DATA 32
#define TEXT_LENGTH 16

/* Reads what counts of a str: its beginning, or its end; -1 when it is none. */
static __always_inline int read_text(volatile struct python_process_value *process, __u64 text,
                                     __u8 *to, __u32 room, bool keep_end, __u8 *width) {
  struct {
    __u64 length;
    __u64 hash;
    __u32 state;
    __u32 pad;
  } head = {};
  __u64 data, bytes;

  if (bpf_probe_read_user(&head, sizeof(head), (void *)text + TEXT_LENGTH))
    return -1;
  *width = head.state >> STATE_KIND_SHIFT & STATE_KIND_MASK;
  if ((*width != 1 && *width != 2 && *width != 4) || !(head.state & STATE_COMPACT) ||
      head.length > MAX_TEXT_CHARACTERS)
    return -1;
  data = text + (head.state & STATE_ASCII ? process->ascii_bytes : process->compact_bytes);
  bytes = head.length * *width;
  if (bytes > room) {
    if (keep_end)
      data += bytes - room;
    bytes = room;
  }
  if (bpf_probe_read_user(to, bytes, (void *)data))
    return -1;
  return bytes;
}

/* Reads a table of lines; none when it is longer than what there is room for. */
static __always_inline __u32 read_lines(__u64 table, __u8 *to) {
  __u64 bytes = read_user_word(table + VAR_OBJECT_SIZE);

  if (bytes > MAX_PYTHON_LINES_BYTES)
    return 0;
  if (bpf_probe_read_user(to, bytes, (void *)table + BYTES_DATA))
    return 0;
  return bytes;
}

/*
 * Sends the code object whose head was copied and remembers its number, in this order: who sees the
 * number finds the record in the ring. Two CPUs may both send it, under two numbers.
 */
static __noinline __u32 send_code(__u64 identity) {
  volatile struct python_process_value *process;
  struct python_counters_value *count;
  struct python_code_event *event;
  struct python_scratch *copy;
  __u32 zero = 0, number, *numbers, lines_bytes;
  int name_bytes, file_bytes;

  copy = bpf_map_lookup_elem(&python_scratch, &zero);
  count = bpf_map_lookup_elem(&python_counters, &zero);
  numbers = bpf_map_lookup_elem(&python_numbers, &zero);
  if (!copy || !count || !numbers)
    return 0;
  process = python_at(copy->walk.process);
  event = &copy->event;
  name_bytes = read_text(process, code_word(copy, process->code_name), event->name,
                         MAX_PYTHON_NAME_BYTES, false, &event->name_width);
  file_bytes = read_text(process, code_word(copy, process->code_file), event->file,
                         MAX_PYTHON_FILE_BYTES, true, &event->file_width);
  if (name_bytes < 0 || file_bytes < 0)
    return 0;
  lines_bytes = read_lines(code_word(copy, process->code_lines), event->lines);
  number = (__sync_fetch_and_add(numbers, 1) + 1) & PYTHON_CODE_MASK;
  event->kind = PYTHON_CODE;
  event->number = number;
  event->first_line = *(__u32 *)(copy->code + (process->code_first_line & 252));
  event->name_bytes = name_bytes;
  event->file_bytes = file_bytes;
  event->lines_bytes = lines_bytes;
  event->pad = 0;
  if (lines_bytes > MAX_PYTHON_LINES_BYTES)
    return 0;
  if (bpf_ringbuf_output(&stacks, event,
                         __builtin_offsetof(struct python_code_event, lines) + lines_bytes,
                         wake_up())) {
    count->unsent_codes++;
    return 0;
  }
  bpf_map_update_elem(&python_codes, &identity, &number, BPF_ANY);
  return number;
}

/* Number of the code object at an address, 0 when it could not be read or sent. Memory is used
 * again, so an object is known by its parts, not by its address alone. */
static __always_inline __u32 number_code(struct python_scratch *copy, __u64 code) {
  volatile struct python_process_value *process = python_at(copy->walk.process);
  __u64 identity = mix(mix(hash_seed, copy->walk.tgid), code);
  __u32 *known;

  if (bpf_probe_read_user(copy->code, process->code_bytes & 255, (void *)code) ||
      code_word(copy, OBJECT_TYPE) != process->code_type)
    return 0;
  identity = mix(identity, *(__u32 *)(copy->code + (process->code_first_line & 252)));
  identity = mix(identity, code_word(copy, process->code_name));
  identity = mix(identity, code_word(copy, process->code_file));
  identity = mix(identity, code_word(copy, process->code_lines));
  known = bpf_map_lookup_elem(&python_codes, &identity);
  return known ? *known : send_code(identity);
}

#endif
