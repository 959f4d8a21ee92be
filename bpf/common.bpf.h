/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helpers of several programs: pids by namespace, hashes, records that are emitted into the
 * object's BTF. */
#ifndef STAKEOUT_COMMON_BPF_H
#define STAKEOUT_COMMON_BPF_H

#include <stdbool.h>

#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* A process is in at most MAX_PID_NS_LEVEL (32) pid namespaces below the host's. */
#define PID_NAMESPACES 33

/*
 * Puts a struct into the object's BTF though no map, global or function names it. The section is
 * one that libbpf knows nothing about, so it costs no map.
 */
#define EMIT_RECORD(type) const struct type *emit_##type SEC("records")

/* A process or thread as the namespace at this depth of it numbers it. */
static __always_inline struct upid id_at_level(const struct pid *pid, __u32 level) {
  struct upid id = {};
  const void *place;

  if (level == 0) {
    /* The host's namespace, and nearly always the one asked for: plain loads, no helper calls. */
    id.nr = pid->numbers[0].nr;
    id.ns = pid->numbers[0].ns;
    return id;
  }
  /* 33 x 16 bytes are less than 1,024: the mask only shows the verifier that this is bounded. */
  place = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
          (level * bpf_core_type_size(struct upid) & 1023);
  bpf_probe_read_kernel(&id.nr, sizeof(id.nr), place + bpf_core_field_offset(struct upid, nr));
  bpf_probe_read_kernel(&id.ns, sizeof(id.ns), place + bpf_core_field_offset(struct upid, ns));
  return id;
}

/*
 * Finds how deep the pid namespace with this inode (of /proc/PID/ns/pid) is among those that see a
 * process; -1 when it does not see it. Not bpf_get_ns_current_pid_tgid(): that one fails for a
 * process in a namespace below the asked one, so an agent on the host could not profile a
 * container.
 */
static __always_inline int namespace_level(const struct pid *pid, __u64 inode) {
  __u32 deepest = pid->level;

  if (pid->numbers[0].ns->ns.inum == inode)
    return 0;
  for (__u32 level = 1; level < PID_NAMESPACES && level <= deepest; level++) {
    struct upid id = id_at_level(pid, level);

    if (BPF_CORE_READ(id.ns, ns.inum) == inode)
      return level;
  }
  return -1;
}

/*
 * One step of a 64-bit hash. Both multiplications are needed: after a single one some differences
 * of the input come out the same whatever the seed, and a hostile process could make its stacks
 * collide.
 */
static __always_inline __u64 mix(__u64 hash, __u64 value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  hash ^= hash >> 29;
  hash *= 0xbf58476d1ce4e5b9ULL;
  return hash ^ (hash >> 32);
}

#endif
