/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types the programs read, each with only the fields they read. Offsets are those of
 * the running kernel: the loader relocates every access by name (CO-RE), so order and size here do
 * not matter.
 */
#ifndef STAKEOUT_KERNEL_H
#define STAKEOUT_KERNEL_H

#include <linux/bpf.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
  struct list_head *next;
};

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct upid {
  int nr;
  struct pid_namespace *ns;
};

/* A process or thread; numbers[i] is its id in the namespace at depth i, 0 the host's. */
struct pid {
  unsigned int level;
  struct upid numbers[1];
};

typedef struct {
  int counter;
} atomic_t;

struct seqcount {
  unsigned int sequence;
};
typedef struct seqcount seqcount_t;

struct seqcount_spinlock {
  seqcount_t seqcount;
};
typedef struct seqcount_spinlock seqcount_spinlock_t;

typedef struct {
  seqcount_spinlock_t seqcount;
} seqlock_t;

/* What the threads of a process share. */
struct signal_struct {
  atomic_t live;
  int nr_threads;
  struct list_head thread_head;
  seqlock_t stats_lock;
  unsigned long long sum_sched_runtime;
};

struct sched_entity {
  __u64 sum_exec_runtime;
};

typedef struct {
  unsigned int val;
} kuid_t;

struct cred {
  kuid_t uid;
};

struct kernfs_node {
  __u64 id;
};

struct cgroup {
  struct kernfs_node *kn;
};

struct css_set {
  struct cgroup *dfl_cgrp;
};

/* Of a file, and of a socket as well. */
struct inode {
  unsigned short i_mode;
  unsigned long i_ino;
};

struct file {
  struct inode *f_inode;
  void *private_data; /* of a socket: its struct socket */
};

struct fdtable {
  unsigned int max_fds;
  struct file **fd;
};

struct files_struct {
  struct fdtable *fdt;
};

struct net {
  struct ns_common ns;
};

typedef struct {
  struct net *net;
} possible_net_t;

struct in6_addr {
  __u8 in6_u[16];
};

/* Addresses and skc_dport are in network byte order, skc_num is the local port in the host's. */
struct sock_common {
  unsigned short skc_family;
  volatile unsigned char skc_state;
  __u32 skc_daddr;
  __u32 skc_rcv_saddr;
  __u16 skc_dport;
  __u16 skc_num;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  possible_net_t skc_net;
};

struct sock {
  struct sock_common __sk_common;
  unsigned short sk_type;
  __u8 sk_shutdown;
  int sk_err;
  struct pid *sk_peer_pid;
};

struct tcp_sock {
  __u32 srtt_us; /* times 8 */
  __u32 total_retrans;
  __u64 bytes_received; /* the peer's FIN is one */
  __u64 bytes_sent;     /* those sent again as well */
  __u64 bytes_retrans;
};

struct sockaddr_un {
  unsigned short sun_family; /* then comes the path */
};

struct unix_address {
  int len; /* of `name` */
  struct sockaddr_un name[0];
};

struct unix_sock {
  struct unix_address *addr;
  struct sock *peer;
};

struct socket {
  struct sock *sk;
};

/* Registers of user space, of x86_64: as the last system call left them, its arguments are in
 * there; or as they are at a probe or an interrupt. */
struct pt_regs {
  unsigned long r15;
  unsigned long r14;
  unsigned long r13;
  unsigned long r12;
  unsigned long bp;
  unsigned long bx;
  unsigned long r11;
  unsigned long r10;
  unsigned long r9;
  unsigned long r8;
  unsigned long ax;
  unsigned long cx;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long orig_ax; /* number of the system call */
  unsigned long ip;
  unsigned long cs;
  unsigned long sp;
};

struct thread_info {
  __u32 status;
};

/* What the architecture keeps of a thread, x86_64: of user space, the base of FS. */
struct thread_struct {
  unsigned long fsbase;
};

/* A thread; a process is the thread that leads its group. */
struct task_struct {
  struct thread_info thread_info;
  struct files_struct *files;
  unsigned int flags;
  unsigned int __state; /* 0 while it runs or could */
  int on_cpu;
  unsigned long nvcsw; /* switches of its own will so far */
  int pid;
  int tgid;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct list_head thread_node;
  struct signal_struct *signal;
  struct sched_entity se;
  const struct cred *real_cred;
  struct css_set *cgroups;
  __u64 start_boottime;
  __u64 self_exec_id;
  char comm[16];
  struct thread_struct thread;
};

struct seq_file {};

struct bpf_iter_meta {
  struct seq_file *seq;
};

struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
};

/* One open file of one process. */
struct bpf_iter__task_file {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
  unsigned int fd;
  struct file *file;
};

struct bpf_map;

/* One socket that has an entry in a map of socket storage. */
struct bpf_iter__bpf_sk_storage_map {
  struct bpf_iter_meta *meta;
  struct bpf_map *map;
  struct sock *sk;
  void *value;
};

#pragma clang attribute pop

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define PF_KTHREAD 0x00200000
#define PF_IO_WORKER 0x00000010
/* Code segment of 64-bit user code. */
#define USER_CODE_SEGMENT 0x33
/* thread_info.status of x86: the system call is a 32-bit one. */
#define TS_COMPAT 0x0002

#endif
