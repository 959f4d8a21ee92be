/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the off-CPU profiler, shared by kernel and user space. */
#ifndef STAKEOUT_OFF_CPU_H
#define STAKEOUT_OFF_CPU_H

/* How a thread left its CPU. */
enum off_cpu_state {
  PREEMPTED = 1, /* runnable all the time: preempted, or it yielded */
  SLEEPING = 2,  /* S: a signal would have woken it */
  DISK = 3,      /* D: only what it waits for wakes it */
  STOPPED = 4,   /* T, t: by a signal or a debugger */
  PARKED = 5,    /* any other */
};

/* A hash of 0 means that there is no such stack. */
struct off_cpu_key {
  __u32 tgid; /* both ids in the agent's pid namespace */
  __u32 tid;
  __u64 user_hash;
  __u64 kernel_hash;
  __u32 state;
  __u32 pad;
};

/* Cumulative; of a switch that stands for N, N times its own. */
struct off_cpu_value {
  __u64 waits;        /* counted once each, when their time is first added */
  __u64 blocked_ns;   /* from the switch to the wake-up */
  __u64 run_queue_ns; /* from the wake-up, or the preemption, until it runs */
};

/* A thread of a target that was switched out at least once. Times are CLOCK_BOOTTIME. */
struct off_cpu_thread_value {
  __u64 since_ns; /* what came before is counted; 0 while it runs, and of switches not taken */
  __u64 start_ns; /* when it was switched out */
  __u64 woken_ns; /* when it became runnable; 0 while it is blocked */
  __u64 user_hash;
  __u64 kernel_hash;
  __u64 seen_switches; /* of one that waits since it was first seen: its switches, plus 1 */
  __u32 tgid;          /* both ids in the agent's pid namespace */
  __u32 tid;
  __u32 state;
  __u32 one_in; /* the switch stands for so many */
};

/* Pace of one CPU's switches. */
struct off_cpu_pace_value {
  __u64 window;
  __u32 switches;
  __u32 previous;
  __u64 stack_ns; /* what taking the stacks of one switch takes, smoothed */
};

/* One per CPU. Once detached and read: taken = sum of all waits + lost_samples + lost_threads. */
struct off_cpu_counters_value {
  __u64 switches;     /* of a target's threads, out of a CPU */
  __u64 involuntary;  /* those of them that were preempted or yielded */
  __u64 picked;       /* those whose stack was taken */
  __u64 taken;        /* waits of at least the minimum, each times what it stands for */
  __u64 brief;        /* waits below the minimum, likewise */
  __u64 brief_ns;     /* their time off the CPU */
  __u64 lost_samples; /* the samples map was full */
  __u64 lost_threads; /* the threads map was full */
};

#endif
