// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Writes numbered records of several lengths into a ring and counts those that found no room. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");

struct request {
  __u32 records;
  __u32 wake; /* 1: wake the reader with the last one */
};

__u64 produced = 0;
__u64 lost = 0;

SEC("syscall")
int fill(struct request *request) {
  for (__u32 i = 0; i < 1024 && i < request->records; i++) {
    __u64 flags =
        request->wake && i + 1 == request->records ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
    __u64 number = produced++;
    __u64 record[5] = {number, ~number, 3 * number, 7, 11};
    /* 8 to 39 bytes, most of them no multiple of 8 */
    __u32 bytes = 8 + (number & 31);

    if (bpf_ringbuf_output(&ring, record, bytes, flags))
      lost++;
  }
  return 0;
}

/* One record that is given up: the reader must skip it. */
SEC("syscall")
int discard(struct request *request) {
  __u64 *record = bpf_ringbuf_reserve(&ring, 16, 0);

  if (record)
    bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
