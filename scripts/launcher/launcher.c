// SPDX-License-Identifier: Apache-2.0
/*
 * The start of the self-extracting executable: unpacks the runtime that is appended to it
 * (payload.h), once into a folder or each time into memory, and starts it. Linked statically: it
 * needs nothing of the host but a kernel and /proc.
 *
 * The runtime is started through the C loader that it brings, with its libraries named one by one,
 * all as open fds: so no file of the host is taken, the host may have another C library or none,
 * and children with another uid need no path to them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"

extern char **environ;

static const char *const forgotten[] = {"LD_", "DENO_", "NODE_", "GLIBC_TUNABLES="};

/* What would change how the runtime behaves; the program's own settings stay. */
static void clean_environment(void) {
  char **kept = environ;
  for (char **each = environ; *each != NULL; each++) {
    int forget = 0;
    for (size_t i = 0; i < sizeof(forgotten) / sizeof(forgotten[0]); i++)
      forget |= strncmp(*each, forgotten[i], strlen(forgotten[i])) == 0;
    if (!forget)
      *kept++ = *each;
  }
  *kept = NULL;
}

/* Fds 0 to 2 are not for the runtime's files: children get others there, and messages go there. */
static void open_standard_fds(void) {
  int fd;
  while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= 2)
    ;
  if (fd > 2)
    close(fd);
}

/* What would fail later with more words. */
static void check_start(void) {
  if (getuid() != geteuid() || getgid() != getegid())
    fail("The executable must not be setuid or setgid: everybody could do all that it can; run it "
         "with sudo");
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof(folder)) == NULL && errno == ENOENT)
    fail("The working directory was removed; change to another");
}

static const char *fd_path(const struct payload *payload, const struct runtime *runtime,
                           const char *name) {
  for (uint64_t i = 0; i < payload->trailer.entries; i++) {
    if (strcmp(payload->entries[i].name, name) != 0)
      continue;
    char *path;
    if (asprintf(&path, "/proc/self/fd/%d", runtime->fds[i]) < 0)
      fail("Out of memory");
    return path;
  }
  fail("The executable is damaged: %s is missing in it; copy it anew", name);
}

/* Paths of all libraries, with a colon between. */
static const char *library_paths(const struct payload *payload, const struct runtime *runtime) {
  char *paths = strdup("");
  for (uint64_t i = 0; i < payload->trailer.entries && paths != NULL; i++) {
    const char *name = payload->entries[i].name;
    if (strncmp(name, "lib", 3) != 0)
      continue;
    char *longer;
    if (asprintf(&longer, "%s%s%s", paths, paths[0] == '\0' ? "" : ":",
                 fd_path(payload, runtime, name)) < 0)
      longer = NULL;
    free(paths);
    paths = longer;
  }
  if (paths == NULL)
    fail("Out of memory");
  return paths;
}

int main(int argc, char **argv) {
  struct payload payload;
  struct runtime runtime;
  open_standard_fds();
  check_start();
  payload_open(&payload);
  if (!runtime_from_folder(&payload, &runtime))
    runtime_from_memory(&payload, &runtime);

  char executable[PATH_MAX] = "";
  if (readlink("/proc/self/exe", executable, sizeof(executable) - 1) < 0)
    executable[0] = '\0';
  clean_environment();
  setenv("STAKEOUT_EXECUTABLE", executable, 1);
  setenv("STAKEOUT_RUNTIME", runtime.folder[0] == '\0' ? "memory" : runtime.folder, 1);
  setenv("STAKEOUT_ARCHIVE", fd_path(&payload, &runtime, "archive"), 1);
  setenv("DENO_NO_UPDATE_CHECK", "1", 1);
  // Nothing can be made there, so nothing is: no cache of any kind.
  setenv("DENO_DIR", "/proc/self/fdinfo/none", 1);

  const char *loader = fd_path(&payload, &runtime, "ld.so");
  const char *fixed[] = {"stakeout",
                         "--inhibit-cache",
                         "--preload",
                         library_paths(&payload, &runtime),
                         "--argv0",
                         "stakeout",
                         fd_path(&payload, &runtime, "deno"),
                         "run",
                         "-A",
                         "--no-prompt",
                         "--quiet",
                         "--no-config",
                         "--no-lock",
                         "--no-remote",
                         "--no-npm",
                         "--no-code-cache",
                         "--unstable-no-legacy-abort",
                         "--v8-flags=" V8_FLAGS,
                         "--ext=js",
                         fd_path(&payload, &runtime, "start")};
  size_t count = sizeof(fixed) / sizeof(fixed[0]);
  const char **arguments = calloc(count + (size_t)argc + 1, sizeof(*arguments));
  if (arguments == NULL)
    fail("Out of memory");
  memcpy(arguments, fixed, sizeof(fixed));
  for (int i = 1; i < argc; i++)
    arguments[count++] = argv[i];
  execve(loader, (char **)arguments, environ);
  fail("Cannot start the runtime: %s; the folder or memory it lies in may not be executed from",
       strerror(errno));
}
