/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is watched: shared by kernel and user space. */
#ifndef STAKEOUT_WATCH_H
#define STAKEOUT_WATCH_H

#define MAX_WATCHES 8192

/* A watched process, by its thread group id as the host's pid namespace numbers it. */
struct watch_value {
  __u32 number;    /* what user space calls it; never 0 */
  __u32 inherited; /* 1 for a child that was forked since and is counted as its parent */
};

#endif
