/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of what is read of CPython, and what is kept while it is read. */
#ifndef STAKEOUT_PYTHON_MAPS_BPF_H
#define STAKEOUT_PYTHON_MAPS_BPF_H

/* Set by the loader; while it is false, the verifier leaves all of this out. */
const volatile bool reads_python = false;
/* Filled in by user space once it has found them, the tgid last. */
volatile struct python_process_value pythons[MAX_TARGETS];

EMIT_RECORD(python_process_value);
EMIT_RECORD(python_code_event);

/* Numbers of code objects by what they are, so that each is sent once. One that is evicted is sent
 * again under another number. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries,
         8192); /* (8 + 8 + 56) x 8,192 = 0.6 MB; the loader makes it 1 without Python */
  __type(key, __u64);
  __type(value, __u32);
} python_codes SEC(".maps");

/* Where a thread's state was found last. */
struct python_thread {
  __u64 state; /* 0: it had none */
  __u64 searched_ns;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries,
         4096); /* (8 + 16 + 56) x 4,096 = 0.3 MB; the loader makes it 1 without Python */
  __type(key, __u32);
  __type(value, struct python_thread);
} python_threads SEC(".maps");

/* What the walk along one thread's frames is at. */
struct python_walk {
  __u64 frame;
  __u64 hash;
  __u32 tgid;
  __u32 process; /* index in pythons */
  __u32 first;   /* words in the stack before its own */
  __u32 count;
  __u32 broken;
};

/* A search through the lists of interpreters and of their threads. */
struct python_search {
  __u64 interpreter;
  __u64 state;
  __u64 thread; /* as pthread_self() numbers it */
  __u64 found;  /* the last state that is this thread's; the one it runs, when there is one */
  __u32 process;
  __u32 pad;
};

/*
 * Search and walk are in here and not on the program's stack: of a map's memory the verifier knows
 * nothing. It then verifies a step once and not for each number of frames; and before Linux 6.8 it
 * looks at no step but the first, so that what is known to be zero there it takes for zero ever
 * after, and leaves out the rest.
 */
struct python_scratch {
  struct python_search search;
  struct python_walk walk;
  __u8 frame[128];
  __u8 code[256];
  struct python_code_event event;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 8.9 KB a CPU */
  __type(key, __u32);
  __type(value, struct python_scratch);
} python_scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1); /* 24 bytes a CPU */
  __type(key, __u32);
  __type(value, struct python_counters_value);
} python_counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* numbers that were given to code objects */
  __type(key, __u32);
  __type(value, __u32);
} python_numbers SEC(".maps");

static __always_inline volatile struct python_process_value *python_at(__u32 index) {
  return &pythons[index & (MAX_TARGETS - 1)];
}

/* An eight-byte value of the process; 0 when it cannot be read. */
static __always_inline __u64 read_user_word(__u64 address) {
  __u64 word = 0;

  if (bpf_probe_read_user(&word, sizeof(word), (void *)address))
    return 0;
  return word;
}

static __always_inline __u64 frame_word(const struct python_scratch *copy, __u32 offset) {
  return *(const __u64 *)(copy->frame + (offset & 120));
}

static __always_inline __u64 code_word(const struct python_scratch *copy, __u32 offset) {
  return *(const __u64 *)(copy->code + (offset & 248));
}

#endif
