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

/* Set by the loader; while it is false, the verifier leaves all of this out. */
const volatile bool reads_python = false;
/* Filled in by user space once it has found them, the tgid last. */
volatile struct python_process_value pythons[MAX_TARGETS];

EMIT_RECORD(python_process_value);
EMIT_RECORD(python_code_event);

/* Interpreters and threads that are looked at for one thread's state. */
#define MAX_PYTHON_STATES 256
/* A thread that runs no frame is looked up again after so long. */
#define MISSING_STATE_NS 50000000ULL
#define OWNER_SHIM 3 /* FRAME_OWNED_BY_CSTACK */
#define NO_CFRAME 0xffff
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
