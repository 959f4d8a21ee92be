/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the on-CPU profiler, shared by kernel and user space. */
#ifndef STAKEOUT_ON_CPU_H
#define STAKEOUT_ON_CPU_H

/* A hash of 0 means that there is no such stack. */
struct sample_key {
  __u32 tgid;
  __u32 tid;
  __u64 user_hash;
  __u64 kernel_hash;
};

/* One per CPU. Once detached, taken = sum of all sample counts + lost_samples. */
struct on_cpu_counters_value {
  __u64 taken;        /* samples of a target */
  __u64 lost_samples; /* the samples map was full */
};

#endif
