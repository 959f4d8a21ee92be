// SPDX-License-Identifier: Apache-2.0
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "sha256.h"

#define OUTPUT_BYTES (1 << 20)

_Noreturn void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputs("\n", stderr);
  exit(3);
}

static void read_at(int fd, void *buffer, size_t length, off_t offset) {
  if (pread(fd, buffer, length, offset) != (ssize_t)length)
    fail("The executable is damaged: its end cannot be read; copy it anew");
}

void payload_open(struct payload *payload) {
  payload->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (payload->fd < 0)
    fail("Cannot read /proc/self/exe: %s; mount /proc, and let this user read the executable",
         strerror(errno));
  struct stat status;
  if (fstat(payload->fd, &status) != 0)
    fail("Cannot read the executable: %s", strerror(errno));
  struct trailer *trailer = &payload->trailer;
  off_t index_end = status.st_size - (off_t)sizeof(*trailer);
  read_at(payload->fd, trailer, sizeof(*trailer), index_end);
  size_t index_bytes = trailer->entries * sizeof(struct entry);
  if (memcmp(trailer->magic, "STAKEOUT", 8) != 0 || trailer->entries == 0 ||
      trailer->entries > MAX_ENTRIES || trailer->payload_offset > (uint64_t)index_end ||
      trailer->payload_bytes > (uint64_t)index_end ||
      trailer->payload_offset + trailer->payload_bytes + index_bytes != (uint64_t)index_end)
    fail("The executable is damaged: it was cut or stripped; copy it anew");
  read_at(payload->fd, payload->entries, index_bytes, index_end - (off_t)index_bytes);

  struct sha256 hash;
  unsigned char digest[32];
  sha256_begin(&hash);
  sha256_add(&hash, payload->entries, index_bytes);
  sha256_end(&hash, digest);
  for (int i = 0; i < 16; i++)
    snprintf(payload->id + i * 2, 3, "%02x", digest[i]);
  payload->total_bytes = 0;
  for (uint64_t i = 0; i < trailer->entries; i++)
    payload->total_bytes += payload->entries[i].bytes;
}

static int write_all(int fd, const unsigned char *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, data, length);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return errno ? errno : EIO;
    data += written;
    length -= (size_t)written;
  }
  return 0;
}

/* Where in which file the next unpacked byte belongs. */
struct place {
  int index;
  int fd;
  uint64_t left;
  struct sha256 hash;
};

/* Puts unpacked bytes into the files they belong to. */
static int distribute(const struct payload *payload, struct place *place, const unsigned char *data,
                      size_t length, int (*target)(void *, int), void *context) {
  while (length > 0) {
    if (place->left == 0) {
      if ((uint64_t)++place->index >= payload->trailer.entries)
        return EBADMSG;
      place->fd = target(context, place->index);
      if (place->fd < 0)
        return -place->fd;
      place->left = payload->entries[place->index].bytes;
      sha256_begin(&place->hash);
    }
    size_t part = length < place->left ? length : place->left;
    int error = write_all(place->fd, data, part);
    if (error != 0)
      return error;
    sha256_add(&place->hash, data, part);
    data += part;
    length -= part;
    place->left -= part;
    if (place->left == 0) {
      unsigned char digest[32];
      sha256_end(&place->hash, digest);
      if (memcmp(digest, payload->entries[place->index].sha256, 32) != 0)
        return EBADMSG;
    }
  }
  return 0;
}

int payload_unpack(const struct payload *payload, int (*target)(void *, int), void *context) {
  const struct trailer *trailer = &payload->trailer;
  size_t mapped = trailer->payload_offset + trailer->payload_bytes;
  unsigned char *file = mmap(NULL, mapped, PROT_READ, MAP_PRIVATE, payload->fd, 0);
  unsigned char *output = malloc(OUTPUT_BYTES);
  ZSTD_DCtx *decoder = ZSTD_createDCtx();
  if (file == MAP_FAILED || output == NULL || decoder == NULL)
    fail("Cannot unpack the runtime: out of memory");
  ZSTD_inBuffer in = {file + trailer->payload_offset, trailer->payload_bytes, 0};
  struct place place = {.index = -1};
  int error = 0;
  while (error == 0) {
    ZSTD_outBuffer out = {output, OUTPUT_BYTES, 0};
    size_t result = ZSTD_decompressStream(decoder, &out, &in);
    error = ZSTD_isError(result) ? EBADMSG
                                 : distribute(payload, &place, output, out.pos, target, context);
    if (in.pos == in.size && out.pos < out.size)
      break;
  }
  if (error == 0 && (place.left != 0 || (uint64_t)place.index + 1 != trailer->entries))
    error = EBADMSG;
  ZSTD_freeDCtx(decoder);
  free(output);
  munmap(file, mapped);
  return error;
}
