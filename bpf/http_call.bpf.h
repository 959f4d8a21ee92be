/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the bytes of a read or write in the system call that does it, by user space's registers,
 * which hold its arguments until it returns. x86_64 only.
 */
#ifndef STAKEOUT_HTTP_CALL_BPF_H
#define STAKEOUT_HTTP_CALL_BPF_H

#include "http_message.bpf.h"

enum call {
  CALL_READ = 0,
  CALL_WRITE = 1,
  CALL_PREAD = 17,
  CALL_PWRITE = 18,
  CALL_READV = 19,
  CALL_WRITEV = 20,
  CALL_SENDFILE = 40,
  CALL_SENDTO = 44,
  CALL_RECVFROM = 45,
  CALL_SENDMSG = 46,
  CALL_RECVMSG = 47,
  CALL_SPLICE = 275,
  CALL_RECVMMSG = 299,
  CALL_SENDMMSG = 307,
  CALL_PREADV2 = 327,
  CALL_PWRITEV2 = 328,
  CALL_IO_URING_ENTER = 426,
};

enum source_kind {
  SOURCE_READABLE,
  SOURCE_UNREADABLE, /* the process's own memory, which cannot be read */
  SOURCE_FILE,       /* a file's bytes: a body */
  SOURCE_IO_URING,
  SOURCE_OTHER_CALL,
};

/* A message's header as user space lays it out (struct user_msghdr). */
struct header_of_user {
  __u64 name;
  __u64 name_bytes;
  __u64 iovecs;
  __u64 iovec_count;
};

static __always_inline bool is_compat(struct task_struct *task) {
  return task->thread_info.status & TS_COMPAT;
}

/* Finds where the `bytes` bytes are that the current call reads or writes. */
static __always_inline enum source_kind find_source(struct task_struct *task, struct pt_regs *regs,
                                                    __u32 bytes, struct source *source) {
  struct header_of_user header = {};

  if (task->flags & PF_IO_WORKER)
    return SOURCE_IO_URING;
  /* A 32-bit call: other numbers, other registers. */
  if (is_compat(task))
    return SOURCE_OTHER_CALL;
  source->bytes = bytes;
  switch (regs->orig_ax) {
  case CALL_READ:
  case CALL_WRITE:
  case CALL_SENDTO:
  case CALL_RECVFROM:
  case CALL_PREAD:
  case CALL_PWRITE:
    source->buffer = regs->si;
    return SOURCE_READABLE;
  case CALL_READV:
  case CALL_WRITEV:
  case CALL_PREADV2:
  case CALL_PWRITEV2:
    source->iovecs = regs->si;
    source->iovec_count = regs->dx;
    return source->iovecs ? SOURCE_READABLE : SOURCE_UNREADABLE;
  case CALL_SENDMSG:
  case CALL_RECVMSG:
    if (bpf_probe_read_user(&header, sizeof(header), (void *)regs->si))
      return SOURCE_UNREADABLE;
    source->iovecs = header.iovecs;
    source->iovec_count =
        header.iovec_count > SEARCHED_IOVECS ? SEARCHED_IOVECS : header.iovec_count;
    return source->iovecs ? SOURCE_READABLE : SOURCE_UNREADABLE;
  case CALL_SENDFILE:
  case CALL_SPLICE:
    return SOURCE_FILE;
  case CALL_IO_URING_ENTER:
    return SOURCE_IO_URING;
  }
  return SOURCE_OTHER_CALL;
}

#endif
