/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Record of the process iterator, shared by kernel and user space. */
#ifndef STAKEOUT_PROCESS_H
#define STAKEOUT_PROCESS_H

/* One process. All ids are as the reading process's pid namespace sees them. */
struct process_event {
  __u64 run_time_ns;   /* on a CPU, all threads, those that ended too; up to a scheduler tick old */
  __u64 start_boot_ns; /* CLOCK_BOOTTIME; kept through exec */
  __u64 cgroup_id;     /* in the unified hierarchy: inode of its folder */
  __u64 exec_id;       /* changes with every exec */
  __u32 pid;
  __u32 parent_pid; /* 0 when the parent is outside of the namespace */
  __u32 threads;
  __u32 unwalked_threads; /* of `threads`, those that run_time_ns lacks */
  __u32 uid;              /* real, in the initial user namespace */
  __u32
      torn; /* 1 when threads ended at every try to count: run_time_ns may lack or repeat theirs */
  __u32 tgid; /* thread group id in the host's pid namespace */
  __u32 pad;
  char name[16];
};

#endif
