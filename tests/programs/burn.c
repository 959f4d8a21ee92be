// SPDX-License-Identifier: Apache-2.0
/*
 * Burns CPU in known functions: burn THREADS [DEPTH] [SECONDS]
 *
 * Each thread, named "burn-0" and so on, calls itself DEPTH times (descend), then spends 70 % of
 * its time in inner_a and 30 % in inner_b, both below outer. Compiled with -O0
 * -fno-omit-frame-pointer. Prints "ready" once all threads run.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile unsigned long sink;
static int depth;

void inner_a(void) {
  for (int i = 0; i < 70000; i++)
    sink = sink * 31 + i;
}

void inner_b(void) {
  for (int i = 0; i < 30000; i++)
    sink = sink * 31 + i;
}

void outer(void) {
  for (;;) {
    inner_a();
    inner_b();
  }
}

void descend(int left) {
  if (left > 0)
    descend(left - 1);
  else
    outer();
}

void *burn(void *number) {
  char name[16];

  snprintf(name, sizeof(name), "burn-%ld", (long)number);
  pthread_setname_np(pthread_self(), name);
  descend(depth);
  return NULL;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  pthread_t thread;

  depth = argc > 2 ? atoi(argv[2]) : 0;
  if (argc > 3)
    alarm(atoi(argv[3]));
  for (long i = 1; i < threads; i++)
    if (pthread_create(&thread, NULL, burn, (void *)i))
      return 1;
  puts("ready");
  fflush(stdout);
  burn(0);
  return 0;
}
