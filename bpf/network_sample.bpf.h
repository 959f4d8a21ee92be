/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Picks requests to show: slow ones, failed ones and a few others. */
#ifndef STAKEOUT_NETWORK_SAMPLE_BPF_H
#define STAKEOUT_NETWORK_SAMPLE_BPF_H

#include "network_edge.bpf.h"

/* As in enum SampleReason of the wire. */
enum sample_reason {
  SAMPLE_NORMAL = 1,
  SAMPLE_SLOW = 2,
  SAMPLE_FAILED = 3,
};

/* A response that nothing was added to for so long has ended. */
#define QUIET_NS 1000000000ULL

static __always_inline struct head_text *head_of(__u64 connection) {
  __u32 place = connection & (HEADS - 1);

  return bpf_map_lookup_elem(&heads, &place);
}

/* Keeps the first bytes of a request until it is answered: its trace id may be in there. */
static __always_inline void keep_head(const struct connection *connection,
                                      const struct message *message, __u32 joined) {
  struct head_text *head = head_of(message->key);
  __u32 bytes;
  __u64 buffer = find_buffer(&message->source, 0, &bytes);

  if (!head || !buffer || joined || __sync_lock_test_and_set(&head->locked, 1))
    return;
  head->connection = 0;
  bytes = at_most(bytes, HEAD_TEXT_BYTES);
  if (bytes && !bpf_probe_read_user(head->text, bytes, (void *)buffer)) {
    head->bytes = bytes;
    head->started_boot_ns = connection->start_boot_ns;
    head->connection = message->key;
  }
  __sync_lock_test_and_set(&head->locked, 0);
}

static __always_inline void copy_head(struct network_sample_event *event, __u64 connection) {
  struct head_text *head = head_of(connection);
  __u32 bytes;

  if (!head || __sync_lock_test_and_set(&head->locked, 1))
    return;
  if (head->connection == connection && head->started_boot_ns == event->started_boot_ns) {
    bytes = at_most(head->bytes, HEAD_TEXT_BYTES);
    if (bytes && !bpf_probe_read_kernel(event->head, bytes, head->text))
      event->head_bytes = bytes;
    head->connection = 0;
  }
  __sync_lock_test_and_set(&head->locked, 0);
}

/* Takes one of the samples that there is room for until user space looks again. */
static __always_inline bool take_room(__u32 reason) {
  return sample_room[reason & 3] > 0 && __sync_fetch_and_add(&sample_room[reason & 3], -1) > 0;
}

static __always_inline __u32 current_tid(void) {
  struct task_struct *task = bpf_get_current_task_btf();
  int level = namespace_level(task->thread_pid, pid_namespace_inode);

  return level < 0 ? 0 : id_at_level(task->thread_pid, level).nr;
}

/* Says that the response of a sample is over, or what came of it until now. */
static __always_inline void end_sample(struct connection *connection) {
  struct network_sample_end_event *event;

  if (!connection->sample)
    return;
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (event) {
    event->kind = RECORD_SAMPLE_END;
    event->pad = 0;
    event->sample = connection->sample;
    event->response_ns = connection->last_response_boot_ns - connection->response_boot_ns;
    event->response_bytes = connection->response_bytes;
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  }
  connection->sample = 0;
}

static __always_inline void end_quiet_sample(struct connection *connection) {
  if (connection->sample && bpf_ktime_get_boot_ns() - connection->last_response_boot_ns > QUIET_NS)
    end_sample(connection);
}

/* Takes a request as a sample if it is one to show. */
static __always_inline void begin_sample(struct connection *connection,
                                         const struct message *message, __u32 status,
                                         __u64 latency_ns) {
  struct network_edge_value *edge = find_edge(connection->request_edge);
  __u32 reason = status >= 400 ? SAMPLE_FAILED : SAMPLE_NORMAL;
  struct network_sample_event *event;

  if (reason == SAMPLE_NORMAL && edge && latency_ns > edge->slow_ns)
    reason = SAMPLE_SLOW;
  if (!take_room(reason))
    return;
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    count_loss(LOSS_SAMPLES);
    return;
  }
  connection->sample = __sync_fetch_and_add(&samples_begun, 1) + 1;
  event->kind = RECORD_SAMPLE;
  event->edge = connection->request_edge;
  event->sample = connection->sample;
  event->started_boot_ns = connection->start_boot_ns;
  event->request_ns = connection->last_request_boot_ns - connection->start_boot_ns;
  event->wait_ns = connection->response_boot_ns - connection->last_request_boot_ns;
  event->request_bytes = connection->request_bytes;
  event->method = connection->method;
  event->path = connection->path;
  event->tid = current_tid();
  event->status = status;
  event->reason = reason;
  event->head_bytes = 0;
  bpf_get_current_comm(event->thread, sizeof(event->thread));
  copy_head(event, message->key);
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

#endif
