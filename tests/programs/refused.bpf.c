// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A program the verifier must refuse: it reads what no one says is there. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("syscall")
int wild(void *context) { return *(volatile int *)0x1234; }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
