/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What user space tells the unwinder: tables of modules and where processes map them. */
#ifndef STAKEOUT_UNWIND_H
#define STAKEOUT_UNWIND_H

#define UNWIND_BLOCK_WORDS 1024
#define MAX_UNWIND_TABLES 512
#define MAX_UNWIND_MAPPINGS 2048 /* of one process */

/* How the walk of a user stack ended; the numbers go into stack_event.outcome. */
enum unwind_outcome {
  UNWIND_WHOLE = 0,          /* at _start, or where a thread began */
  UNWIND_NO_TABLE = 1,       /* code that no table describes, and no frame pointers */
  UNWIND_BAD_MEMORY = 2,     /* stack memory that could not be read or made no sense */
  UNWIND_TOO_DEEP = 3,       /* more than MAX_FRAMES */
  UNWIND_OVER_BUDGET = 4,    /* code whose table would be too large, and no frame pointers */
  UNWIND_PENDING = 5,        /* code whose table is not there yet, and no frame pointers */
  UNWIND_FRAME_POINTERS = 6, /* an end was reached, but by frame pointers for want of tables */
};

/* Instead of a slot of unwind_tables. */
enum unwind_table_state {
  UNWIND_TABLE_NONE = 0xfffffff0,
  UNWIND_TABLE_OVER_BUDGET = 0xfffffff1,
  UNWIND_TABLE_PENDING = 0xfffffff2,
};

/* An executable mapping of a process. */
struct unwind_mapping_value {
  __u64 start;
  __u64 end;
  __u64 base;       /* an address minus this is its offset in the module's table */
  __u32 table;      /* slot in unwind_tables, or an unwind_table_state */
  __u32 page_count; /* pages of 64 KiB that the table describes */
  __u32 rules_at;   /* word of the table at which its rules begin */
  __u32 pad;
};

/*
 * A piece of a module's table. The words of a table: for each page the word of its first row, and
 * the end; rules of 4 words; rows, each the low 16 bits of the offset at which it begins and its
 * rule's index above them.
 */
struct unwind_block_value {
  __u32 words[UNWIND_BLOCK_WORDS];
};

/* A target's mappings, written by user space but for the last two. */
struct unwind_target_value {
  __u64 mappings;     /* index of the first, and above 32 bits their number */
  __u64 exec_id;      /* of the program that has them; 0 when it is not known */
  __u64 seen_exec_id; /* of the program that was sampled last */
  __u64 misses;       /* samples with an address outside of all mappings */
};

#endif
