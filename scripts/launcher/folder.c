// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "runtime.h"

/*
 * BASE/runtime/ID/ holds the files and `stamp`, which is written last: the files' inodes and times
 * when they were hashed. Everything is opened relative to folders that are open already, and never
 * through a link, so what was checked is what is used. Files may be read by all, the folder only by
 * its owner: a child with another uid gets them as open fds. Folders may have the setgid bit, which
 * they inherit where folders above have it.
 */
#define FILE_MODE 0555
#define STAMP_BYTES 2048

/* "Not here, run from memory", not "something is wrong". */
static int is_unusable(int error) { return error == EACCES || error == EPERM || error == EROFS; }

/* Makes PATH's last folder where it is missing; opens it when it is this user's own and only theirs
 * to write. */
static int open_base(const char *path, int flags) {
  int made = mkdir(path, 0711) == 0;
  if (!made && errno != EEXIST)
    return -1;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0)
    return -1;
  // Whatever the umask is: the server's user finds its state in there.
  if (made)
    fchmod(fd, 0711);
  if (status.st_uid == geteuid() && (status.st_mode & 022) == 0)
    return fd;
  close(fd);
  errno = EPERM;
  return -1;
}

/* Writes PARENT with NAME behind it. Returns 0 where that is longer than PATH. */
static int join(char *path, size_t size, const char *parent, const char *name) {
  return snprintf(path, size, "%s%s", parent, name) < (int)size;
}

static int find_base(char *path, size_t size) {
  // An empty image has neither; systemd makes the last one a link to where a dynamic user may
  // write.
  mkdir("/var", 0755);
  mkdir("/var/lib", 0755);
  snprintf(path, size, "/var/lib/stakeout");
  int fd = open_base(path, 0);
  if (fd >= 0)
    return fd;
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  char parent[PATH_MAX];
  if (cache != NULL && cache[0] == '/') {
    if (!join(parent, sizeof(parent), cache, ""))
      return -1;
  } else if (home == NULL || home[0] != '/' || !join(parent, sizeof(parent), home, "/.cache")) {
    return -1;
  }
  if (!join(path, size, parent, "/stakeout") || (mkdir(parent, 0700) != 0 && errno != EEXIST))
    return -1;
  return open_base(path, O_NOFOLLOW);
}

/* BASE/runtime, 0700 and ours; -1 where it cannot be made or nothing may be executed there. */
static int open_parent(char *path, size_t size) {
  int base = find_base(path, size);
  if (base < 0)
    return -1;
  size_t length = strlen(path);
  snprintf(path + length, size - length, "/runtime");
  if (mkdirat(base, "runtime", 0700) != 0 && errno != EEXIST) {
    if (errno == ENOSPC || errno == EDQUOT)
      fail("No space to unpack the runtime in %s: free some, or set XDG_CACHE_HOME to a folder "
           "elsewhere",
           path);
    close(base);
    return -1;
  }
  int fd = openat(base, "runtime", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    fail("%s is no folder (%s); remove it", path, strerror(errno));
  close(base);
  struct stat status;
  struct statvfs system;
  if (fstat(fd, &status) != 0 || fstatvfs(fd, &system) != 0)
    fail("Cannot look at %s: %s", path, strerror(errno));
  if (status.st_uid != geteuid())
    fail("%s belongs to uid %u, not to %u; remove it", path, status.st_uid, geteuid());
  if ((status.st_mode & 0777) != 0700)
    fail("%s has mode %04o, not 0700; remove it", path, status.st_mode & 0777);
  if (system.f_flag & ST_NOEXEC) {
    close(fd);
    return -1;
  }
  return fd;
}

static void describe(const struct stat *status, char *line, size_t size) {
  snprintf(line, size, "%llu %lld.%09ld\n", (unsigned long long)status->st_ino,
           (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
}

/* For names that others do not choose: containers that share a folder have the same pids. */
static unsigned long long random_bits(void) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
    random = (uint64_t)getpid() ^ (uint64_t)(uintptr_t)&random;
  return random;
}

/* Removes a folder of files in PARENT. */
static void remove_folder(int parent, const char *name) {
  int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0)
    return;
  DIR *listing = fdopendir(folder);
  if (listing == NULL) {
    close(folder);
    return;
  }
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      unlinkat(folder, entry->d_name, 0);
  closedir(listing);
  unlinkat(parent, name, AT_REMOVEDIR);
}

/* Takes a folder's name away first: others see it whole or not at all. */
static void discard_folder(int parent, const char *name) {
  char hidden[64];
  snprintf(hidden, sizeof(hidden), ".%.32s.%016llx", name, random_bits());
  remove_folder(parent, renameat(parent, name, parent, hidden) == 0 ? hidden : name);
}

/* Opens and checks what an earlier run unpacked. Returns 0 where there is nothing yet, or nothing
 * any more. */
static int open_files(const struct payload *payload, int parent, struct runtime *runtime) {
  int folder = openat(parent, payload->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0 && errno == ENOENT)
    return 0;
  const char *path = runtime->folder;
  if (folder < 0)
    fail("%s is no folder (%s); remove it", path, strerror(errno));
  struct stat status;
  if (fstat(folder, &status) != 0)
    fail("Cannot look at %s: %s", path, strerror(errno));
  if (status.st_uid != geteuid())
    fail("%s belongs to uid %u, not to %u; remove it", path, status.st_uid, geteuid());
  if ((status.st_mode & 0777) != 0700)
    fail("%s has mode %04o, not 0700; remove it", path, status.st_mode & 0777);

  char stamp[STAMP_BYTES] = "", expected[STAMP_BYTES] = "";
  int fd = openat(folder, "stamp", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) {
    ssize_t length = read(fd, stamp, sizeof(stamp) - 1);
    stamp[length < 0 ? 0 : length] = '\0';
    close(fd);
  }
  for (uint64_t i = 0; i < payload->trailer.entries; i++) {
    const struct entry *entry = &payload->entries[i];
    fd = openat(folder, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0)
      fail("%s/%s cannot be opened (%s); remove %s", path, entry->name, strerror(errno), path);
    if (!S_ISREG(status.st_mode))
      fail("%s/%s is no regular file; remove %s", path, entry->name, path);
    if (status.st_uid != geteuid())
      fail("%s/%s belongs to uid %u, not to %u; remove %s", path, entry->name, status.st_uid,
           geteuid(), path);
    if ((status.st_mode & 07777) != FILE_MODE)
      fail("%s/%s has mode %04o, not %04o; remove %s", path, entry->name, status.st_mode & 07777,
           FILE_MODE, path);
    if ((uint64_t)status.st_size != entry->bytes)
      fail("%s/%s has %lld bytes, not %llu; remove %s", path, entry->name,
           (long long)status.st_size, (unsigned long long)entry->bytes, path);
    size_t length = strlen(expected);
    describe(&status, expected + length, sizeof(expected) - length);
    runtime->fds[i] = fd;
  }
  close(folder);
  if (strcmp(stamp, expected) == 0)
    return 1;
  // Copied, restored or changed since: ours all the same, so it is unpacked anew.
  for (uint64_t i = 0; i < payload->trailer.entries; i++)
    close(runtime->fds[i]);
  discard_folder(parent, payload->id);
  return 0;
}

struct unpacking {
  const struct payload *payload;
  int folder;
  int fd;
};

/* What was written is on the disk before it counts. */
static int finish_file(struct unpacking *unpacking) {
  if (unpacking->fd < 0)
    return 0;
  int error = fchmod(unpacking->fd, FILE_MODE) != 0 || fsync(unpacking->fd) != 0 ? errno : 0;
  close(unpacking->fd);
  unpacking->fd = -1;
  return error;
}

static int make_file(void *context, int index) {
  struct unpacking *unpacking = context;
  int error = finish_file(unpacking);
  if (error != 0)
    return -error;
  const char *name = unpacking->payload->entries[index].name;
  unpacking->fd =
      openat(unpacking->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  return unpacking->fd < 0 ? -errno : unpacking->fd;
}

static int write_stamp(const struct payload *payload, int folder) {
  char stamp[STAMP_BYTES] = "";
  for (uint64_t i = 0; i < payload->trailer.entries; i++) {
    struct stat status;
    if (fstatat(folder, payload->entries[i].name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      return errno;
    size_t length = strlen(stamp);
    describe(&status, stamp + length, sizeof(stamp) - length);
  }
  int fd = openat(folder, "stamp", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
  if (fd < 0)
    return errno;
  ssize_t length = (ssize_t)strlen(stamp);
  errno = EIO;
  int error = write(fd, stamp, (size_t)length) != length || fsync(fd) != 0 ? errno : 0;
  close(fd);
  return error;
}

/* Other versions' folders go: who still runs one has its files open. Unfinished ones of runs that
 * may go on stay an hour. */
static void remove_others(const struct payload *payload, int parent) {
  int again = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *listing = again < 0 ? NULL : fdopendir(again);
  if (listing == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    struct stat status;
    if (strcmp(entry->d_name, payload->id) == 0 || strcmp(entry->d_name, ".") == 0 ||
        strcmp(entry->d_name, "..") == 0)
      continue;
    int unfinished = entry->d_name[0] == '.';
    if (unfinished && (fstatat(parent, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
                       status.st_mtime + 3600 > time(NULL)))
      continue;
    discard_folder(parent, entry->d_name);
  }
  closedir(listing);
}

/* Unpacks into a folder of this run's own and gives it its name in one step. Returns 0 where
 * nothing can be written. */
static int unpack(const struct payload *payload, int parent, const char *path) {
  char name[64];
  snprintf(name, sizeof(name), ".%s.%016llx", payload->id, random_bits());
  struct unpacking unpacking = {payload, -1, -1};
  int error = mkdirat(parent, name, 0700) != 0 ? errno : 0;
  if (error == 0) {
    unpacking.folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    error = unpacking.folder < 0 ? errno : payload_unpack(payload, make_file, &unpacking);
  }
  int last = finish_file(&unpacking);
  if (error == 0)
    error = last;
  if (error == 0)
    error = write_stamp(payload, unpacking.folder);
  if (error == 0 && renameat(parent, name, parent, payload->id) != 0)
    error = errno;
  if (unpacking.folder >= 0)
    close(unpacking.folder);
  if (error != 0)
    remove_folder(parent, name);
  // Another run was quicker.
  if (error == EEXIST || error == ENOTEMPTY)
    return 1;
  if (error == ENOSPC || error == EDQUOT)
    fail("No space to unpack the runtime in %s: it takes %llu MiB; free them, or set "
         "XDG_CACHE_HOME to a folder elsewhere",
         path, (unsigned long long)(payload->total_bytes >> 20));
  if (error == EBADMSG)
    fail(DAMAGED);
  if (error != 0 && is_unusable(error))
    return 0;
  if (error != 0)
    fail("Cannot unpack the runtime in %s: %s", path, strerror(error));
  fsync(parent);
  remove_others(payload, parent);
  return 1;
}

int runtime_from_folder(const struct payload *payload, struct runtime *runtime) {
  char path[sizeof(runtime->folder) - 64];
  int parent = open_parent(path, sizeof(path));
  if (parent < 0)
    return 0;
  snprintf(runtime->folder, sizeof(runtime->folder), "%s/%s", path, payload->id);
  int found = open_files(payload, parent, runtime) ||
              (unpack(payload, parent, path) && open_files(payload, parent, runtime));
  close(parent);
  return found;
}
