/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of the unwinder, and what it keeps while it walks. */
#ifndef STAKEOUT_UNWIND_MAPS_BPF_H
#define STAKEOUT_UNWIND_MAPS_BPF_H

#include "common.bpf.h"

#include "stack.h"
#include "unwind.h"

/* DWARF numbers of the registers that are followed. */
#define REGISTERS 16
#define SAVED_REGISTERS 17 /* of a signal frame, with rip */

/* How to get from a frame to its caller's; as lib/unwind/unwind_rule.ts says it. */
struct unwind_rule {
  __u8 base;
  __u8 frame_pointer;
  __s16 cfa_operand;
  __s32 cfa_offset;
  __s16 return_address_offset;
  __s16 frame_pointer_offset;
  __u32 pad;
};

enum unwind_base {
  BASE_NONE = 0,
  BASE_END = 1,
  BASE_PLT = 2,
  BASE_SIGNAL = 3,
  BASE_STACK_SLOT = 4,
  BASE_FRAME_SLOT = 5,
  BASE_INDEXED_SLOT = 6,
  BASE_REGISTER = 16,
  BASE_FRAME_POINTER = 22,
  BASE_STACK_POINTER = 23,
};

enum unwind_frame_pointer {
  FRAME_POINTER_SAME = 0,
  FRAME_POINTER_UNDEFINED = 1,
  FRAME_POINTER_IN_CALLER = 2,
  FRAME_POINTER_IN_FRAME = 3,
  FRAME_POINTER_ON_STACK = 4,
};

/* A walk under way. It lies in a map, of which the verifier knows nothing: it looks at a frame's
 * code once, not once a frame. */
struct unwind_walk {
  __u64 ip;
  __u64 sp;
  __u64 bp;
  __u64 registers[REGISTERS]; /* as the innermost frame has them; rbp and rsp are above */
  __u64 saved[SAVED_REGISTERS];
  struct unwind_mapping_value mapping; /* of the frame before: often of this one too */
  __u32 first_mapping;
  __u32 mapping_count;
  __u32 outcome; /* how it ends if it ends now */
  __u32 misses;
  bool registers_known;   /* this is the innermost frame, or one that a signal interrupted */
  bool is_return_address; /* ip is behind a call: what is looked up is the call */
  bool has_frame_pointer; /* bp is the caller's: no rule has lost it */
  bool is_doubtful;       /* nothing vouches for this frame until it turns out to be code */
  bool lacked_table;      /* frame pointers were used where a table will be */
  bool is_copied;         /* the thread does not run: its stack is read from a copy */
};

EMIT_RECORD(unwind_block_value);

/*
 * One table a module; each has its own number of blocks. Of struct unwind_block_value, but without
 * its type: Linux 6.1 takes no array whose type is not known into one that has a type.
 */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, MAX_UNWIND_TABLES); /* 8 bytes each; the tables are shared by all tasks */
  __type(key, __u32);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __uint(map_flags, BPF_F_INNER_MAP);
        __uint(key_size, sizeof(__u32));
        __uint(value_size, sizeof(struct unwind_block_value));
      });
} unwind_tables SEC(".maps");

/* Two sets for each target, so that one can be written while the other is read. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2 * MAX_TARGETS * MAX_UNWIND_MAPPINGS); /* 40 x 8,192 = 0.3 MB */
  __type(key, __u32);
  __type(value, struct unwind_mapping_value);
} unwind_mappings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2); /* 0.4 KB a CPU each; the second is an iterator's */
  __type(key, __u32);
  __type(value, struct unwind_walk);
} unwind_walks SEC(".maps");

volatile struct unwind_target_value unwind_targets[MAX_TARGETS];

#endif
