/*
 * A link between two network namespaces that delays packets and loses some, for kernels without
 * sch_netem: a TUN device at each end, and this program between them.
 *
 * usage: slow_link NAMESPACE NAMESPACE DELAY_US LOSE_ONE_IN; says "ready" when both devices, tun0,
 * are there. Of so many packets one is lost, at random, by a seed that is always the same; 0: none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUEUED 8192
#define PACKET_BYTES 2048

struct packet {
  long long due_ns;
  int to;
  int bytes;
  char data[PACKET_BYTES];
};

static struct packet queue[QUEUED];

static long long now_ns(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int open_end(const char *namespace) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  char path[256];
  int fd;

  snprintf(path, sizeof(path), "/run/netns/%s", namespace);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET)) {
    perror(path);
    exit(1);
  }
  close(fd);
  fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  strcpy(request.ifr_name, "tun0");
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request)) {
    perror("/dev/net/tun");
    exit(1);
  }
  return fd;
}

int main(int argc, char **argv) {
  long long delay_ns = argc > 4 ? atoll(argv[3]) * 1000 : 0;
  int lose_one_in = argc > 4 ? atoi(argv[4]) : 0;
  unsigned int head = 0, tail = 0;
  struct pollfd ends[2];

  if (argc < 5)
    return 2;
  srandom(1);
  for (int i = 0; i < 2; i++)
    ends[i] = (struct pollfd){.fd = open_end(argv[1 + i]), .events = POLLIN};
  puts("ready");
  fflush(stdout);
  for (;;) {
    long long wait_ns = head == tail ? 1000000000LL : queue[head % QUEUED].due_ns - now_ns();
    struct timespec timeout = {.tv_sec = wait_ns > 0 ? wait_ns / 1000000000 : 0,
                               .tv_nsec = wait_ns > 0 ? wait_ns % 1000000000 : 0};

    ppoll(ends, 2, &timeout, NULL);
    for (int i = 0; i < 2; i++) {
      while (tail - head < QUEUED) {
        struct packet *packet = &queue[tail % QUEUED];

        packet->bytes = read(ends[i].fd, packet->data, PACKET_BYTES);
        if (packet->bytes <= 0)
          break;
        if (lose_one_in && random() % lose_one_in == 0)
          continue;
        packet->due_ns = now_ns() + delay_ns;
        packet->to = ends[1 - i].fd;
        tail++;
      }
    }
    while (head != tail && queue[head % QUEUED].due_ns <= now_ns()) {
      struct packet *packet = &queue[head++ % QUEUED];

      /* EIO: the other end is not up yet. */
      if (write(packet->to, packet->data, packet->bytes) < 0 && errno != EIO)
        perror("write");
    }
  }
}
