// SPDX-License-Identifier: Apache-2.0
/*
 * Burns CPU from the line "go" to the line "stop" on its standard input. At the end of the first
 * whole second of CLOCK_BOOTTIME in which it used more than half of a core it prints "met" and that
 * second's end: from then on whoever watches could know.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;

static uint64_t read_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void burn_until_stopped(void) {
  uint64_t second = read_ns(CLOCK_BOOTTIME) / 1000000000u;
  uint64_t cpu_ns = read_ns(CLOCK_PROCESS_CPUTIME_ID);
  int met = 0;
  char line[16];
  fcntl(0, F_SETFL, O_NONBLOCK);
  while (read(0, line, sizeof line) < 0) {
    for (int i = 0; i < 20000; i++)
      sink += sink << 1 ^ (uint64_t)i;
    uint64_t now = read_ns(CLOCK_BOOTTIME) / 1000000000u;
    if (now == second)
      continue;
    uint64_t cpu_now_ns = read_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (!met && cpu_now_ns - cpu_ns > 500000000u) {
      met = 1;
      printf("met %llu\n", (unsigned long long)now * 1000000000u);
      fflush(stdout);
    }
    cpu_ns = cpu_now_ns;
    second = now;
  }
  fcntl(0, F_SETFL, 0);
}

int main(void) {
  char line[16];
  puts("ready");
  fflush(stdout);
  while (read(0, line, sizeof line) > 0)
    burn_until_stopped();
  return 0;
}
