// SPDX-License-Identifier: Apache-2.0
/*
 * A process whose main thread has ended while others go on: leaderless THREADS
 *
 * First THREADS threads burn 50 ms each and end, so that most of the process's CPU time is of
 * threads that are gone. Then THREADS others wait. Prints "ready" from one of those when the main
 * thread has ended.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void *burn(void *unused) {
  struct timespec used;

  do
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  while (used.tv_sec == 0 && used.tv_nsec < 50000000);
  return unused;
}

static void *announce(void *unused) {
  usleep(100000);
  puts("ready");
  fflush(stdout);
  pause();
  return unused;
}

static void *wait_for_ever(void *unused) {
  pause();
  return unused;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  pthread_t thread;

  for (int i = 0; i < threads; i++)
    if (pthread_create(&thread, NULL, burn, NULL) || pthread_join(thread, NULL))
      return 1;
  for (int i = 0; i < threads; i++)
    if (pthread_create(&thread, NULL, i == 0 ? announce : wait_for_ever, NULL))
      return 1;
  pthread_exit(NULL);
}
