/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYLOAD_H
#define PAYLOAD_H
#include <stdint.h>

/*
 * The end of the executable, written by scripts/executable/self_extracting.ts:
 *   payload: zstd frames that hold the files one after the other
 *   index:   one struct entry a file
 *   trailer
 * Numbers are little-endian.
 */
struct entry {
  char name[24]; /* NUL-terminated, no "/" */
  uint64_t bytes;
  unsigned char sha256[32];
};

struct trailer {
  uint64_t payload_offset;
  uint64_t payload_bytes;
  uint64_t entries;
  char magic[8]; /* "STAKEOUT" */
};

#define MAX_ENTRIES 16

struct payload {
  int fd; /* of the executable */
  struct trailer trailer;
  struct entry entries[MAX_ENTRIES];
  char id[33]; /* of the index: another one for other files */
  uint64_t total_bytes;
};

/* Prints `error: …` on stderr and ends with 3, "this host can't". */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

void payload_open(struct payload *payload);

#define DAMAGED "The executable is damaged: what it unpacks to is not what was built; copy it anew"

/*
 * Unpacks all files in order: asks `target` for the fd to write each to and checks its hash.
 * Returns 0, or the errno of a write that failed.
 * EBADMSG: the payload is not what was built.
 */
int payload_unpack(const struct payload *payload, int (*target)(void *context, int index),
                   void *context);

#endif
