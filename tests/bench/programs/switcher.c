// Two threads of one CPU that hand each other a byte after some work. Usage: switcher SWITCHES_PER_SECOND SECONDS. Finds
// out how much work makes that rate, says `ready`; each line on its input has it work for so many seconds and print
// "units UNITS_PER_CPU_SECOND switches SWITCHES_PER_SECOND". CPU seconds, so that what else runs does not count.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int there[2], back[2];
static volatile uint64_t sink;
static volatile long rounds;

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void pass(int from, int to) {
  char byte;
  if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
    exit(1);
}

static void *answer(void *unused) {
  for (;;)
    pass(there[0], back[1]);
  return unused;
}

__attribute__((noinline)) static void work(void) {
  for (long i = 0; i < rounds; i++)
    sink += i;
}

// Units in so many seconds; a unit is some work and two switches.
static long run(double seconds) {
  double end = now(CLOCK_MONOTONIC) + seconds;
  long units = 0;
  char byte = 0;

  while (now(CLOCK_MONOTONIC) < end) {
    work();
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
      exit(1);
    units++;
  }
  return units;
}

int main(int count, char **argument) {
  double wanted = count > 1 ? atof(argument[1]) : 1000, seconds = count > 2 ? atof(argument[2]) : 1;
  pthread_t thread;
  char line[16];

  if (pipe(there) || pipe(back) || pthread_create(&thread, NULL, answer, NULL))
    return 1;
  rounds = 100;
  for (int step = 0; step < 8; step++) {
    double before = now(CLOCK_PROCESS_CPUTIME_ID);
    long units = run(0.1);
    double unit = (now(CLOCK_PROCESS_CPUTIME_ID) - before) / units, start = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < 100; i++)
      work();
    double own = (now(CLOCK_PROCESS_CPUTIME_ID) - start) / 100;
    double target = 2 / wanted - (unit - own);
    rounds = target < 1e-7 ? 1 : rounds * target / (own > 1e-9 ? own : 1e-9) + 1;
  }
  printf("ready\n");
  fflush(stdout);
  while (read(0, line, sizeof line) > 0) {
    double before = now(CLOCK_PROCESS_CPUTIME_ID), start = now(CLOCK_MONOTONIC);
    long units = run(seconds);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID) - before, elapsed = now(CLOCK_MONOTONIC) - start;

    printf("units %.1f switches %.0f\n", units / cpu, 2 * units / elapsed);
    fflush(stdout);
  }
  return 0;
}
