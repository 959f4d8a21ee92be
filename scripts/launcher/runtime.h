/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_H
#define RUNTIME_H
#include "payload.h"

/* The unpacked files, open for reading, in the order of the index; programs that are started
 * inherit the fds. */
struct runtime {
  int fds[MAX_ENTRIES];
  char folder[4096]; /* where they lie, "" in memory */
};

/*
 * Takes the files from the folder of an earlier run, or unpacks them there. Returns 0 where no
 * folder can serve (read-only, noexec, none of this user's own); ends the program where one could
 * but must not be trusted, or has no space.
 */
int runtime_from_folder(const struct payload *payload, struct runtime *runtime);

/* Unpacks the files into memory that no disk backs: as many bytes as the payload unpacks to, held
 * until we end. */
void runtime_from_memory(const struct payload *payload, struct runtime *runtime);

#endif
