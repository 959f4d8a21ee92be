/*
 * Answers HTTP requests by system calls whose buffers are not known to who looks on.
 *
 * usage: http_calls compat|io_uring|mmsg CONNECTIONS; says "ready", begins at a line, says "done",
 * ends at a line
 *
 * Both ends of each connection are its own: the client's writes and reads as everybody does.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUEST "GET /x HTTP/1.1\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

struct ring {
  int fd;
  unsigned *tail, *mask, *array, *done_head, *done_mask;
  struct io_uring_sqe *entries;
  struct io_uring_cqe *done;
};

static struct ring ring;
static char *buffer;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void open_ring(void) {
  struct io_uring_params params = {0};
  char *queue, *done;

  ring.fd = syscall(SYS_io_uring_setup, 4, &params);
  if (ring.fd < 0)
    fail("io_uring_setup");
  queue = mmap(NULL, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING);
  done = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_CQ_RING);
  ring.entries = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
  if (queue == MAP_FAILED || done == MAP_FAILED || ring.entries == MAP_FAILED)
    fail("mmap");
  ring.tail = (unsigned *)(queue + params.sq_off.tail);
  ring.mask = (unsigned *)(queue + params.sq_off.ring_mask);
  ring.array = (unsigned *)(queue + params.sq_off.array);
  ring.done_head = (unsigned *)(done + params.cq_off.head);
  ring.done_mask = (unsigned *)(done + params.cq_off.ring_mask);
  ring.done = (struct io_uring_cqe *)(done + params.cq_off.cqes);
}

/* Moves bytes through the ring and waits for it. */
static int move_by_ring(int operation, int fd, unsigned bytes) {
  unsigned place = *ring.tail & *ring.mask, head = *ring.done_head;
  struct io_uring_sqe *entry = &ring.entries[place];
  int result;

  memset(entry, 0, sizeof(*entry));
  entry->opcode = operation;
  entry->fd = fd;
  entry->addr = (uintptr_t)buffer;
  entry->len = bytes;
  ring.array[place] = place;
  __atomic_store_n(ring.tail, *ring.tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
    fail("io_uring_enter");
  result = ring.done[head & *ring.done_mask].res;
  __atomic_store_n(ring.done_head, head + 1, __ATOMIC_RELEASE);
  return result;
}

/* A system call of 32-bit programs: 3 is read, 4 is write. The buffer lies in the first 4 GiB. */
static int move_by_compat(int number, int fd, unsigned bytes) {
  int result;

  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(number), "b"(fd), "c"((unsigned)(uintptr_t)buffer), "d"(bytes)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static int move_by_mmsg(int sends, int fd, unsigned bytes) {
  struct iovec part = {.iov_base = buffer, .iov_len = bytes};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  int count = sends ? sendmmsg(fd, &message, 1, 0) : recvmmsg(fd, &message, 1, 0, NULL);

  return count == 1 ? (int)message.msg_len : -1;
}

static int move(const char *how, int sends, int fd, unsigned bytes) {
  if (!strcmp(how, "compat"))
    return move_by_compat(sends ? 4 : 3, fd, bytes);
  if (!strcmp(how, "io_uring"))
    return move_by_ring(sends ? IORING_OP_SEND : IORING_OP_RECV, fd, bytes);
  return move_by_mmsg(sends, fd, bytes);
}

int main(int argc, char **argv) {
  char line[64];
  int count = argc == 3 ? atoi(argv[2]) : 0;

  buffer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (buffer == MAP_FAILED)
    fail("mmap");
  if (argc == 3 && !strcmp(argv[1], "io_uring"))
    open_ring();
  puts("ready");
  fflush(stdout);
  if (!fgets(line, sizeof(line), stdin))
    return 1;
  for (int i = 0; i < count; i++) {
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
      fail("socketpair");
    if (write(pair[0], REQUEST, sizeof(REQUEST) - 1) < 0)
      fail("write");
    if (move(argv[1], 0, pair[1], 100) != sizeof(REQUEST) - 1)
      fail("receive");
    memcpy(buffer, RESPONSE, sizeof(RESPONSE) - 1);
    if (move(argv[1], 1, pair[1], sizeof(RESPONSE) - 1) != sizeof(RESPONSE) - 1)
      fail("send");
    if (read(pair[0], line, sizeof(line)) < 0)
      fail("read");
  }
  puts("done");
  fflush(stdout);
  return fgets(line, sizeof(line), stdin) == NULL;
}
