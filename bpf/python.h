/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames of CPython, shared by kernel and user space. */
#ifndef STAKEOUT_PYTHON_H
#define STAKEOUT_PYTHON_H

#define MAX_PYTHON_FRAMES 127
#define MAX_PYTHON_NAME_BYTES 128
#define MAX_PYTHON_FILE_BYTES 192
#define MAX_PYTHON_LINES_BYTES 8192

/*
 * A Python frame in a stack: the number of its code object, 0 when that could not be read, in bits
 * 32 to 61, and which of its code units (of two bytes) was reached, as a signed number, below.
 */
#define PYTHON_ENTRY_BIT 62 /* the last frame that one call of the native evaluator runs */
#define PYTHON_CODE_SHIFT 32
#define PYTHON_CODE_MASK 0x3fffffff

/*
 * Where one process's interpreter is and how its objects are laid out: what user space finds. All
 * but the first three are offsets in bytes; the programs mask them, so that none reaches far.
 */
struct python_process_value {
  __u64 runtime;   /* address of _PyRuntime */
  __u64 code_type; /* address of PyCode_Type */
  __u32 tgid;      /* in the agent's pid namespace; 0 is none */
  __u16 runtime_interpreters;
  __u16 interpreter_next;
  __u16 interpreter_threads;
  __u16 thread_previous;
  __u16 thread_next;
  __u16 thread_interpreter;
  __u16 thread_id;
  __u16 thread_frame;
  __u16 cframe_frame; /* 0xffff: thread_frame points at the frame itself */
  __u16 frame_code;
  __u16 frame_previous;
  __u16 frame_instruction;
  __u16 frame_entry;   /* 3.11: is_entry; later: owner */
  __u16 entry_is_shim; /* the entry frame is one of its own, which runs no code */
  __u16 frame_bytes;
  __u16 code_first_line;
  __u16 code_file;
  __u16 code_name;
  __u16 code_lines;
  __u16 code_instructions;
  __u16 code_bytes;
  __u16 ascii_bytes;   /* head of a text that is ASCII */
  __u16 compact_bytes; /* of one that is not */
};

/* A code object, sent when first seen; the record ends after `lines_bytes` of `lines`. */
struct python_code_event {
  __u32 kind;
  __u32 number;
  __u32 first_line;
  __u16 name_bytes;
  __u16 file_bytes;
  __u16 lines_bytes; /* 0 when the table is too long or could not be read */
  __u8 name_width;   /* bytes of a character: 1 (Latin-1), 2 or 4 */
  __u8 file_width;
  __u32 pad;
  __u8 name[MAX_PYTHON_NAME_BYTES]; /* of a longer one the beginning */
  __u8 file[MAX_PYTHON_FILE_BYTES]; /* of a longer path the end */
  __u8 lines[MAX_PYTHON_LINES_BYTES];
};

/* One per CPU. */
struct python_counters_value {
  __u64 samples;        /* of threads that run Python frames */
  __u64 broken_samples; /* of these: frames or code objects could not be read */
  __u64 unsent_codes;   /* the ring was full; tried again at the next sample */
};

#endif
