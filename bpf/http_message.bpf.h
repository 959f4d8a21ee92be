/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Plaintext that a process read or wrote, wherever it came from, and what its first bytes say. */
#ifndef STAKEOUT_HTTP_MESSAGE_BPF_H
#define STAKEOUT_HTTP_MESSAGE_BPF_H

#include "common.bpf.h"
#include "http.h"

enum direction {
  IN = 0,
  OUT = 1,
};

#define HEAD_BYTES 16
#define LEAST_HEAD_BYTES 12 /* "HTTP/1.1 200": the least that tells a response */
#define SEARCHED_IOVECS 4

/* Where the bytes are in the process's memory: in one buffer, or in the first of several. */
struct source {
  __u64 buffer;
  __u64 iovecs; /* 0 for one buffer */
  __u32 iovec_count;
  __u32 bytes;
};

/* One read or write of plaintext. */
struct message {
  struct source source;
  __u64 head[2]; /* its first bytes, then zeros */
  __u32 head_bytes;
  __u32 direction;
  __u64 at_boot_ns;
  __u64 key; /* its connection's: the same for all of it, of no other */
};

struct iovec_of_user {
  __u64 base;
  __u64 bytes;
};

/*
 * Bounds a number so that the verifier of Linux 6.1 sees it: clang would else compare one copy of
 * it and use another.
 */
static __always_inline __u32 at_most(__u32 value, __u32 limit) {
  asm volatile("" : "+r"(value));
  if (value > limit)
    value = limit;
  asm volatile("" : "+r"(value));
  return value;
}

/* Reads the first bytes of a message; false when the memory cannot be read. */
static __always_inline bool read_head(struct message *message) {
  const struct source *source = &message->source;
  __u32 wanted = at_most(source->bytes, HEAD_BYTES), got = 0;

  if (!source->iovecs) {
    message->head_bytes = wanted;
    return !bpf_probe_read_user(message->head, wanted, (void *)source->buffer);
  }
  for (__u32 i = 0; i < SEARCHED_IOVECS; i++) {
    struct iovec_of_user iovec = {};
    __u32 part = wanted - got;

    if (i >= source->iovec_count || got >= wanted)
      break;
    if (bpf_probe_read_user(&iovec, sizeof(iovec), (void *)(source->iovecs + i * sizeof(iovec))))
      return false;
    if (iovec.bytes < part)
      part = iovec.bytes;
    got &= 15;
    part &= 31;
    if (part > HEAD_BYTES - got)
      part = HEAD_BYTES - got;
    if (part && bpf_probe_read_user((void *)message->head + got, part, (void *)iovec.base))
      return false;
    got += part;
  }
  message->head_bytes = got;
  return true;
}

/* Finds the first buffer that holds more than `skip` bytes of a message, where `skip` begins it. */
static __always_inline __u64 find_buffer(const struct source *source, __u32 skip, __u32 *bytes) {
  *bytes = 0;
  if (!source->iovecs) {
    if (source->bytes > skip)
      *bytes = source->bytes - skip;
    return source->buffer + skip;
  }
  for (__u32 i = 0; i < SEARCHED_IOVECS; i++) {
    struct iovec_of_user iovec = {};

    if (i >= source->iovec_count ||
        bpf_probe_read_user(&iovec, sizeof(iovec), (void *)(source->iovecs + i * sizeof(iovec))))
      break;
    if (iovec.bytes > skip) {
      *bytes = iovec.bytes - skip > source->bytes ? source->bytes : iovec.bytes - skip;
      return iovec.base + skip;
    }
    skip -= iovec.bytes;
  }
  return 0;
}

#define TEXT4(a, b, c, d) ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24)
#define TEXT8(a, b, c, d, e, f, g, h) (TEXT4(a, b, c, d) | TEXT4(e, f, g, h) << 32)
#define FIRST(bytes) (~0ULL >> (64 - 8 * (bytes)))

/* Length of the method with its space, 0 when this is no request. */
static __always_inline __u32 parse_request(const __u64 *head) {
  __u64 word = head[0];
  __u32 length;
  __u8 next;

  if ((word & FIRST(4)) == TEXT4('G', 'E', 'T', ' ') ||
      (word & FIRST(4)) == TEXT4('P', 'U', 'T', ' '))
    length = 4;
  else if ((word & FIRST(5)) == TEXT8('P', 'O', 'S', 'T', ' ', 0, 0, 0) ||
           (word & FIRST(5)) == TEXT8('H', 'E', 'A', 'D', ' ', 0, 0, 0))
    length = 5;
  else if ((word & FIRST(6)) == TEXT8('P', 'A', 'T', 'C', 'H', ' ', 0, 0) ||
           (word & FIRST(6)) == TEXT8('T', 'R', 'A', 'C', 'E', ' ', 0, 0))
    length = 6;
  else if ((word & FIRST(7)) == TEXT8('D', 'E', 'L', 'E', 'T', 'E', ' ', 0))
    length = 7;
  else if (word == TEXT8('O', 'P', 'T', 'I', 'O', 'N', 'S', ' '))
    length = 8;
  else
    return word == TEXT8('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ') ? 8 : 0;
  next = length == 8 ? head[1] : word >> 8 * length;
  return next == '/' || next == 'h' || next == '*' ? length : 0;
}

/* Status of a response, 0 when this is none. */
static __always_inline __u32 parse_status(const __u64 *head) {
  __u32 hundreds = (__u8)(head[1] >> 8) - '0';
  __u32 tens = (__u8)(head[1] >> 16) - '0', ones = (__u8)(head[1] >> 24) - '0';

  if (head[0] != TEXT8('H', 'T', 'T', 'P', '/', '1', '.', '1') &&
      head[0] != TEXT8('H', 'T', 'T', 'P', '/', '1', '.', '0'))
    return 0;
  if ((__u8)head[1] != ' ' || hundreds - 1 > 4 || tens > 9 || ones > 9)
    return 0;
  return 100 * hundreds + 10 * tens + ones;
}

/* Whether a byte can begin a method that is known, or HTTP/1 or the preface of HTTP/2. */
static __always_inline bool begins_http(__u8 byte) {
  return byte == 'G' || byte == 'P' || byte == 'H' || byte == 'D' || byte == 'O' || byte == 'C' ||
         byte == 'T';
}

static __always_inline bool begins_http2(const __u64 *head) {
  return head[0] == TEXT8('P', 'R', 'I', ' ', '*', ' ', 'H', 'T');
}

/* The header of a record of SSL 3.0 to TLS 1.3: of a handshake, or on a connection that was there
 * before it was watched, of any kind. */
static __always_inline bool begins_tls(const __u64 *head) {
  __u8 kind = head[0], major = head[0] >> 8, minor = head[0] >> 16;

  return kind >= 0x14 && kind <= 0x17 && major == 3 && minor <= 4;
}

/*
 * Reads the target of a request, or of it what its first buffer holds, into URI_BYTES of text;
 * returns how many bytes are valid, -1 when the memory cannot be read.
 */
static __always_inline int read_target(const struct message *message, __u32 method_bytes,
                                       __u32 fragment_bytes, __u8 *text) {
  __u32 skip = method_bytes > fragment_bytes ? method_bytes - fragment_bytes : 0;
  __u32 kept = fragment_bytes > method_bytes ? fragment_bytes - method_bytes : 0;
  __u32 bytes;
  __u64 buffer = find_buffer(&message->source, skip, &bytes);

  /* Of a message that came in fragments the head holds the first bytes, of the target at most 7. */
  *(__u64 *)text = method_bytes == 8 ? message->head[1]
                                     : message->head[0] >> 8 * method_bytes |
                                           message->head[1] << (64 - 8 * method_bytes);
  kept &= 7;
  bytes = at_most(bytes, URI_BYTES - 8);
  if (bytes && bpf_probe_read_user(text + kept, bytes, (void *)buffer))
    return -1;
  return kept + bytes;
}

/* The bytes of a message too short to tell. */
struct fragment {
  __u64 first;
  __u32 second;
  __u8 bytes; /* 0: none is kept */
  __u8 direction;
};

/* Puts the bytes that were kept in front of this message; returns how many. */
static __always_inline __u32 join_fragment(const struct fragment *fragment,
                                           struct message *message) {
  __u32 kept = fragment->bytes, shift;
  __u64 low, high;

  if (kept == 0 || kept >= LEAST_HEAD_BYTES || fragment->direction != message->direction)
    return 0;
  low = message->head[0];
  high = message->head[1];
  shift = 8 * kept;
  if (shift < 64) {
    message->head[0] = low << shift | (fragment->first & FIRST(kept));
    message->head[1] = high << shift | low >> (64 - shift);
  } else {
    shift -= 64;
    message->head[0] = fragment->first;
    message->head[1] = shift ? low << shift | (fragment->second & ((1ULL << shift) - 1)) : low;
  }
  message->head_bytes += kept;
  return kept;
}

#endif
