// SPDX-License-Identifier: Apache-2.0
/*
 * Burns CPU in parent_work and, ten times a second, forks a child that burns in child_work for 50
 * ms: fork_burn
 *
 * Prints "ready" once it runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long sink;

static double now(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void parent_work(void) {
  for (int i = 0; i < 100000; i++)
    sink = sink * 31 + i;
}

static void child_work(void) {
  for (int i = 0; i < 100000; i++)
    sink = sink * 31 + i;
}

int main(void) {
  puts("ready");
  fflush(stdout);
  for (;;) {
    double until = now() + 0.1;

    if (fork() == 0) {
      until -= 0.05;
      while (now() < until)
        child_work();
      _exit(0);
    }
    while (now() < until)
      parent_work();
    while (waitpid(-1, NULL, WNOHANG) > 0)
      ;
  }
}
