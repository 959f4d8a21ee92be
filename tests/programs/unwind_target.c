// SPDX-License-Identifier: Apache-2.0
/*
 * Burns CPU in stacks that are hard to unwind: unwind_target MODE [LIBRARY]
 *
 * libc: sorting and printing, in the library's own code. signal: in a handler that interrupts a
 * busy function. vdso: reading the clock. deep: 200 calls deep. thread: in a second thread.
 * library: in a function of LIBRARY, which is opened one second after the start. Compiled with -O2
 * and without frame pointers. Prints "ready" before it begins.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NUMBERS 5000

static volatile unsigned long sink;

__attribute__((noinline)) static void burn(int rounds) {
  for (int i = 0; i < rounds; i++)
    sink = sink * 31 + i;
}

static int compare(const void *left, const void *right) {
  return *(const int *)left - *(const int *)right;
}

__attribute__((noinline)) static void use_libc(void) {
  static int numbers[NUMBERS];
  char text[100];

  for (int i = 0; i < NUMBERS; i++)
    numbers[i] = rand();
  qsort(numbers, NUMBERS, sizeof(int), compare);
  for (int i = 0; i < NUMBERS; i++) {
    time_t when = numbers[i];
    struct tm local;

    snprintf(text, sizeof(text), "%d %f", numbers[i], numbers[i] / 3.0);
    strftime(text, sizeof(text), "%c", localtime_r(&when, &local));
  }
}

static void handle(int number) { burn(2000000); }

__attribute__((noinline)) static void be_interrupted(void) {
  struct itimerval interval = {.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000};

  signal(SIGALRM, handle);
  setitimer(ITIMER_REAL, &interval, NULL);
  for (;;)
    burn(1000);
}

__attribute__((noinline)) static void read_clock(void) {
  struct timespec now;

  for (int i = 0; i < 1000; i++) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    sink += now.tv_nsec;
  }
}

/* Kept as it is: a compiler may see that it could be a loop. */
__attribute__((noipa)) static int descend(int left) {
  if (left == 0)
    burn(1000000);
  else
    sink += descend(left - 1);
  return left;
}

__attribute__((noinline)) static void use_library(const char *path) {
  void (*work)(void);
  void *library;

  sleep(1);
  library = dlopen(path, RTLD_NOW);
  if (!library)
    abort();
  *(void **)&work = dlsym(library, "library_work");
  for (;;)
    work();
}

static void *burn_in_thread(void *nothing) {
  for (;;)
    use_libc();
  return nothing;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "libc";
  pthread_t thread;

  puts("ready");
  fflush(stdout);
  if (strcmp(mode, "signal") == 0)
    be_interrupted();
  if (strcmp(mode, "library") == 0)
    use_library(argv[2]);
  if (strcmp(mode, "thread") == 0) {
    if (pthread_create(&thread, NULL, burn_in_thread, NULL))
      return 1;
    pthread_join(thread, NULL);
  }
  for (;;) {
    if (strcmp(mode, "vdso") == 0)
      read_clock();
    else if (strcmp(mode, "deep") == 0)
      descend(200);
    else
      use_libc();
  }
}
