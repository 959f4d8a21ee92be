// Waits in known ways, a known number of times, each by the clock of its own caller.
//
//   block KIND TIMES MS [FILE]   KIND: sleep, futex, pipe, disk (FILE past the cache), yield, hold
//   (waits without end) block switch TIMES           two threads hand a byte to and fro, TIMES
//   round trips block fork TIMES MS          children that sleep, one after the other
//
// Prints `ready`, waits for a line, works, prints "TIMES waited_ns", waits for another line. System
// calls are made in the function itself, so that each has a frame of its own whatever the C library
// does.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint32_t word;
static int one[2], two[2];
static int file = -1;
static char *page;
static long milliseconds;

static inline __attribute__((always_inline)) long call(long number, long a, long b, long c,
                                                       long d) {
  register long fourth asm("r10") = d;
  long result;

  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
               : "rcx", "r11", "r8", "r9", "memory");
  return result;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static struct timespec span(void) {
  return (struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
}

__attribute__((noinline)) void wait_sleep(void) {
  struct timespec time = span();
  call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&time, 0);
}

// Nobody wakes it: it waits for the whole time.
__attribute__((noinline)) void wait_futex(void) {
  struct timespec time = span();
  call(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, (long)&time);
}

__attribute__((noinline)) void wait_pipe(void) {
  char byte;
  if (call(SYS_read, one[0], (long)&byte, 1, 0) != 1)
    exit(1);
}

__attribute__((noinline)) void wait_disk(void) {
  static off_t place;
  if (call(SYS_pread64, file, (long)page, 4096, place) <= 0)
    exit(1);
  place += 4096;
}

__attribute__((noinline)) void wait_hold(void) {
  call(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, 0);
}

__attribute__((noinline)) void wait_yield(void) { call(SYS_sched_yield, 0, 0, 0, 0); }

__attribute__((noinline)) void pass(int from, int to) {
  char byte = 0;
  if (call(SYS_read, from, (long)&byte, 1, 0) != 1 || call(SYS_write, to, (long)&byte, 1, 0) != 1)
    exit(1);
}

/* Begins to sleep when the reader is about to wait, so that no byte is there before. */
static void *write_pipe(void *times) {
  char byte;

  for (long i = 0; i < (long)times; i++) {
    if (read(two[0], &byte, 1) != 1)
      exit(1);
    wait_sleep();
    if (write(one[1], "x", 1) != 1)
      exit(1);
  }
  return NULL;
}

static void *answer(void *times) {
  for (long i = 0; i < (long)times; i++)
    pass(one[0], two[1]);
  return NULL;
}

static void *hold(void *unused) {
  wait_hold();
  return unused;
}

static void await_line(void) {
  char line[16];
  if (read(0, line, sizeof line) <= 0)
    exit(0);
}

static void (*find_wait(const char *kind))(void) {
  if (!strcmp(kind, "sleep"))
    return wait_sleep;
  if (!strcmp(kind, "futex"))
    return wait_futex;
  if (!strcmp(kind, "disk"))
    return wait_disk;
  return !strcmp(kind, "yield") ? wait_yield : wait_pipe;
}

/* Whatever happens to the thread in here is in its stacks and in its clock. */
__attribute__((noinline)) uint64_t time_wait(void (*wait)(void)) {
  uint64_t start = now_ns();

  wait();
  return now_ns() - start;
}

static uint64_t work(const char *kind, long times) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  uint64_t start = now_ns(), waited = 0;
  pthread_t helper = 0;

  if (!strcmp(kind, "switch")) {
    pthread_create(&helper, NULL, answer, (void *)times);
    if (write(one[1], "x", 1) != 1)
      exit(1);
    for (long i = 0; i < times; i++)
      pass(two[0], i + 1 < times ? one[1] : null);
    pthread_join(helper, NULL);
    return now_ns() - start;
  }
  if (!strcmp(kind, "hold")) {
    for (long i = 0; i < times; i++)
      pthread_create(&helper, NULL, hold, NULL);
    return 0;
  }
  if (!strcmp(kind, "fork")) {
    for (long i = 0; i < times; i++) {
      if (fork() == 0) {
        wait_sleep();
        _exit(0);
      }
      wait(NULL);
    }
    return now_ns() - start;
  }
  if (!strcmp(kind, "pipe"))
    pthread_create(&helper, NULL, write_pipe, (void *)times);
  for (long i = 0; i < times; i++) {
    if (helper && write(two[1], "x", 1) != 1)
      exit(1);
    waited += time_wait(find_wait(kind));
  }
  if (helper)
    pthread_join(helper, NULL);
  return waited;
}

int main(int count, char **argument) {
  long times = atol(argument[2]);

  milliseconds = count > 3 ? atol(argument[3]) : 0;
  if (pipe(one) || pipe(two))
    return 1;
  if (count > 4) {
    file = open(argument[4], O_RDONLY | O_DIRECT);
    if (file < 0 || posix_memalign((void **)&page, 4096, 4096))
      return 1;
  }
  printf("ready\n");
  fflush(stdout);
  await_line();
  printf("%ld %llu\n", times, (unsigned long long)work(argument[1], times));
  fflush(stdout);
  await_line();
  return 0;
}
