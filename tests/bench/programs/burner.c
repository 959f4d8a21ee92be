// SPDX-License-Identifier: Apache-2.0
/* For each line of its standard input computes for SECONDS and prints how many units of work one
 * second of CPU did. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile uint64_t sink;

static uint64_t read_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t mix(uint64_t value, int rounds) {
  for (int i = 0; i < rounds; i++) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
  }
  return value;
}

static uint64_t transform(uint64_t value) { return mix(value, 2000) + mix(value + 1, 1000); }

static void do_unit(uint64_t number) { sink += transform(number + 1); }

int main(int argc, char **argv) {
  uint64_t run_ns = (uint64_t)(argc > 1 ? atoi(argv[1]) : 4) * 1000000000u;
  char line[16];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    uint64_t start_ns = read_ns(CLOCK_MONOTONIC);
    uint64_t cpu_ns = read_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t units = 0;
    while (read_ns(CLOCK_MONOTONIC) - start_ns < run_ns)
      for (int i = 0; i < 100; i++)
        do_unit(units++);
    cpu_ns = read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
    printf("units %.3f\n", (double)units * 1e9 / (double)cpu_ns);
    fflush(stdout);
  }
  return 0;
}
