/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Follows watched processes through fork, exec and exit, and writes requests in flight. */
#ifndef STAKEOUT_HTTP_LIFE_BPF_H
#define STAKEOUT_HTTP_LIFE_BPF_H

#include <bpf/bpf_tracing.h>

#include "http_maps.bpf.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(http_fork, struct task_struct *parent, struct task_struct *child) {
  __u32 parent_tgid = parent->tgid, child_tgid = child->tgid;
  struct http_process_value *process;

  if (parent_tgid == child_tgid)
    return 0;
  process = find_watched(parent_tgid);
  if (!process)
    return 0;
  if (watch_child(child_tgid, process->number))
    __sync_fetch_and_add(&process->children, 1);
  else
    __sync_fetch_and_add(&process->lost_children, 1);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(http_exec, struct task_struct *task) {
  struct watch_value *watch = find_watch(task->tgid);
  struct http_process_value *process = NULL;

  if (watch && watch->inherited)
    process = find_place(watch->number);
  end_watch_at_exec(task->tgid);
  if (process)
    __sync_fetch_and_add(&process->children, -1);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(http_exit, struct task_struct *task) {
  end_watch_at_exit(task);
  return 0;
}

/* Writes one record for a connection whose request is in flight. */
static __always_inline void write_pending(struct seq_file *seq,
                                          const struct http_connection_value *connection) {
  struct http_pending_event event = {};

  if (!connection->pending || pending_room == 0 || !find_place(connection->number))
    return;
  event.start_boot_ns = connection->start_boot_ns;
  event.number = connection->number;
  event.role = connection->role - 1;
  if (connection->generation == (__u16)filter_generation)
    __builtin_memcpy(event.counters, connection->counters, sizeof(event.counters));
  if (!bpf_seq_write(seq, &event, sizeof(event)))
    pending_room--;
}

/* Returns false where a reading pauses: the kernel then shows the same file again when it goes on.
 */
static __always_inline bool may_visit(void) {
  if (pending_files == 0)
    return false;
  pending_files--;
  return true;
}

/*
 * Write the requests in flight on the sockets that a process holds, with those it does not watch
 * left out; one that was closed meanwhile is gone with its fd.
 *
 * Hook: iter/task_file of one process, by user space, once a second.
 *
 * Cost: 1 to 3 us an open file.
 */
SEC("iter/task_file")
int pending_of_sockets(struct bpf_iter__task_file *context) {
  struct http_connection_value *connection;
  struct file *file = context->file;
  struct socket *socket;

  if (!file)
    return 0;
  if (!may_visit())
    return 1;
  socket = bpf_sock_from_file(file);
  if (!socket || !socket->sk)
    return 0;
  connection = bpf_sk_storage_get(&sockets, socket->sk, 0, 0);
  if (connection)
    write_pending(context->meta->seq, connection);
  return 0;
}

SEC("iter/task_file")
int pending_of_inodes(struct bpf_iter__task_file *context) {
  struct http_connection_value *connection;
  struct file *file = context->file;
  __u64 key;

  if (!file)
    return 0;
  if (!may_visit())
    return 1;
  key = file->f_inode->i_ino;
  connection = bpf_map_lookup_elem(&sockets_by_inode, &key);
  /* Inodes of other file systems have such numbers too. */
  if (connection && (file->f_inode->i_mode & S_IFMT) == S_IFSOCK)
    write_pending(context->meta->seq, connection);
  return 0;
}

#endif
