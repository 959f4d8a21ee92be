// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* Linux 6.3 */
#endif

struct memory {
  const struct payload *payload;
  int fds[MAX_ENTRIES];
};

static int make_file(void *context, int index) {
  struct memory *memory = context;
  const char *name = memory->payload->entries[index].name;
  int fd = memfd_create(name, MFD_ALLOW_SEALING | MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create(name, MFD_ALLOW_SEALING | MFD_CLOEXEC);
  if (fd < 0)
    fail("Cannot run from memory: %s; set vm.memfd_noexec below 2, or make /var/lib/stakeout or "
         "XDG_CACHE_HOME a folder of this user's on a file system that may be written and executed "
         "from",
         strerror(errno));
  memory->fds[index] = fd;
  return fd;
}

void runtime_from_memory(const struct payload *payload, struct runtime *runtime) {
  struct memory memory = {.payload = payload};
  int error = payload_unpack(payload, make_file, &memory);
  if (error == EBADMSG)
    fail(DAMAGED);
  if (error != 0)
    fail("Cannot run from memory: %s; it takes %llu MiB", strerror(error),
         (unsigned long long)(payload->total_bytes >> 20));
  for (uint64_t i = 0; i < payload->trailer.entries; i++) {
    fcntl(memory.fds[i], F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    fchmod(memory.fds[i], 0555);
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", memory.fds[i]);
    runtime->fds[i] = open(path, O_RDONLY);
    if (runtime->fds[i] < 0)
      fail("Cannot run from memory: %s; mount /proc", strerror(errno));
    close(memory.fds[i]);
  }
  runtime->folder[0] = '\0';
}
