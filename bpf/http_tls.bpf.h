/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Plaintext that OpenSSL hands over: messages of the same connections, keyed by SSL session. x86_64
 * only. */
#ifndef STAKEOUT_HTTP_TLS_BPF_H
#define STAKEOUT_HTTP_TLS_BPF_H

#include "http_connection.bpf.h"

/* Calls of one thread that have not returned: TLS within TLS, or stacks that take turns. */
#define OPEN_CALLS 4

/* A call's arguments. Its stack pointer tells it from the thread's others. */
struct tls_call {
  __u64 stack;
  __u64 session; /* SSL * */
  __u64 buffer;
  __u64 bytes;
  __u64 bytes_read; /* where OpenSSL puts how many */
};

struct tls_calls {
  struct tls_call calls[OPEN_CALLS];
};

/* The kernel frees a thread's with it. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC); /* about 250 bytes a thread that speaks TLS */
  __type(key, int);
  __type(value, struct tls_calls);
} tls_threads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384); /* (16 + 72 + 56) x 16,384 = 2.4 MB; the rest is forgotten */
  __type(key, struct tls_session_key);
  __type(value, struct http_connection_value);
} tls_sessions SEC(".maps");

static const struct http_connection_value new_session;

static __always_inline struct http_process_value *find_tls_watched(__u32 tgid) {
  struct http_process_value *process = find_watched(tgid);

  return process && process->tls ? process : NULL;
}

/* The place of the call with this stack pointer, or with 0 a free one; NULL when there is none. */
static __always_inline struct tls_call *find_call(struct tls_calls *open, __u64 stack) {
  for (int i = 0; i < OPEN_CALLS; i++)
    if (open->calls[i].stack == stack)
      return &open->calls[i];
  return NULL;
}

/*
 * Remembers the arguments of SSL_read and SSL_write, or of what they call, and forgets a session
 * with SSL_free and SSL_clear.
 *
 * Hook: uprobe.multi, one link a library and process, or one a library: user space picks
 * instructions that the kernel emulates.
 *
 * Cost: 0.6 us a call, with one a library for processes that nobody watches as well; 11 us where an
 * instruction has to be single-stepped.
 */
SEC("uprobe.multi")
int tls_enter(struct pt_regs *regs) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct http_process_value *process = find_tls_watched(tgid);
  struct tls_calls *open;
  struct tls_call *call;

  if (!process)
    return 0;
  if (bpf_get_attach_cookie(regs) == TLS_END) {
    struct tls_session_key key = {.session = regs->di, .tgid = tgid};

    bpf_map_delete_elem(&tls_sessions, &key);
    return 0;
  }
  open = bpf_task_storage_get(&tls_threads, bpf_get_current_task_btf(), 0,
                              BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!open) {
    __sync_fetch_and_add(&process->unreadable, 1);
    return 0;
  }
  call = find_call(open, regs->sp);
  if (!call)
    call = find_call(open, 0);
  /* All are taken, if only by calls that never returned: one is given up. */
  if (!call)
    call = &open->calls[0];
  call->stack = regs->sp;
  call->session = regs->di;
  call->buffer = regs->si;
  call->bytes = regs->dx;
  call->bytes_read = regs->cx;
  return 0;
}

/* Takes what a call that returned has to say; 0 when it moved no bytes. */
static __always_inline __u32 count_bytes(const struct tls_call *call, __u64 function, int result) {
  __u64 bytes = 0;

  if (result <= 0)
    return 0;
  switch (function) {
  case TLS_READ:
    return result;
  case TLS_READ_EX:
    if (bpf_probe_read_user(&bytes, sizeof(bytes), (void *)call->bytes_read))
      return 0;
    return bytes;
  }
  return call->bytes;
}

/* A session's plaintext has told what it is: its socket, which counts as TLS, is not unreadable. */
static __always_inline void count_decrypted(struct http_connection_value *session,
                                            struct http_process_value *process) {
  __u32 side = session->first_direction == 1 + OUT ? HTTP_CLIENT : HTTP_SERVER;
  __u32 *counts = process->connections + side * CONNECTION_KINDS;

  if (!session->readability || session->decrypted)
    return;
  session->decrypted = 1;
  if (counts[CONNECTION_TLS])
    __sync_fetch_and_add(&counts[CONNECTION_TLS], -1);
  if (session->readability == 1 + CONNECTION_HTTP)
    __sync_fetch_and_add(&counts[CONNECTION_TLS_READ], 1);
}

/*
 * Looks at what SSL_read and SSL_write moved, once they return: before, a buffer to read into is
 * empty, and a write may have to be repeated.
 *
 * Hook: uprobe.multi at return. OpenSSL's functions are C, whose stacks the kernel's trampoline
 * does not disturb.
 *
 * Cost: 0.4 us a call, with one link a library for processes that nobody watches as well; 0.7 us
 * for others.
 */
SEC("uprobe.multi")
int tls_return(struct pt_regs *regs) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct http_process_value *process = find_tls_watched(tgid);
  struct http_connection_value *session;
  struct tls_session_key key = {};
  struct message message = {};
  struct tls_calls *open;
  struct tls_call *call;
  __u64 function = bpf_get_attach_cookie(regs);

  if (!process)
    return 0;
  open = bpf_task_storage_get(&tls_threads, bpf_get_current_task_btf(), 0, 0);
  /* The return address, which the stack pointer was at, is off the stack. */
  call = open ? find_call(open, regs->sp - 8) : NULL;
  if (!call)
    return 0;
  call->stack = 0;
  message.source.bytes = count_bytes(call, function, regs->ax);
  if (!message.source.bytes)
    return 0;
  key.session = call->session;
  key.tgid = tgid;
  session = bpf_map_lookup_elem(&tls_sessions, &key);
  if (!session) {
    bpf_map_update_elem(&tls_sessions, &key, &new_session, BPF_NOEXIST);
    session = bpf_map_lookup_elem(&tls_sessions, &key);
  }
  if (!session)
    return 0;
  if (session->user_number != process->number)
    meet_user(session, process, tgid, 0);
  if (is_settled(session, process))
    return 0;
  message.source.buffer = call->buffer;
  message.direction = function == TLS_WRITE ? OUT : IN;
  message.key = mix(key.session, tgid);
  if (!read_head(&message)) {
    __sync_fetch_and_add(&process->unreadable, 1);
    return 0;
  }
  message.at_boot_ns = bpf_ktime_get_boot_ns();
  on_message(session, process, &message);
  count_decrypted(session, process);
  return 0;
}

#endif
