// SPDX-License-Identifier: Apache-2.0
/*
 * The demo's workload: a checkout service that idles 15 s, then prices carts for 40 s, over and
 * over. While it works it uses about one core, most of it in compress_receipt(), reached from three
 * kinds of request. Build it with -O0 -fno-omit-frame-pointer -pthread, so that every caller is on
 * the stack.
 *
 * usage: demo_checkout [IDLE_SECONDS [BUSY_SECONDS]]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static atomic_int busy;
static volatile uint64_t sink;

/* The one that a flame graph must show as its widest leaf: about four fifths of the work. */
static uint64_t compress_receipt(uint64_t seed, int rounds) {
  uint64_t hash = seed;
  for (int i = 0; i < rounds * 1000; i++) {
    hash ^= hash << 13;
    hash ^= hash >> 7;
    hash ^= hash << 17;
  }
  return hash;
}

static uint64_t look_up_prices(uint64_t seed) {
  uint64_t price = seed;
  for (int i = 0; i < 12000; i++)
    price = price * 6364136223846793005u + 1442695040888963407u;
  return price;
}

static uint64_t check_stock(uint64_t seed) {
  uint64_t left = seed;
  for (int i = 0; i < 9000; i++)
    left += (left >> 3) ^ (uint64_t)i;
  return left;
}

static uint64_t render_receipt(uint64_t cart) { return compress_receipt(cart, 60); }

static uint64_t pay_cart(uint64_t cart) { return render_receipt(look_up_prices(cart)); }

static uint64_t update_cart(uint64_t cart) {
  return compress_receipt(check_stock(look_up_prices(cart)), 20);
}

static uint64_t send_reminder(uint64_t cart) { return render_receipt(check_stock(cart)); }

static void handle_request(uint64_t number) {
  switch (number % 4) {
  case 0:
    sink += pay_cart(number);
    break;
  case 1:
    sink += send_reminder(number);
    break;
  default:
    sink += update_cart(number);
  }
}

/* Two workers do about one core's worth of work: each rests two thirds of the time that its
 * requests take. */
static void *serve_requests(void *name) {
  prctl(PR_SET_NAME, name);
  for (uint64_t number = 0;; number++) {
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    if (atomic_load(&busy))
      handle_request(number);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t took_ns =
        (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
    struct timespec rest = {.tv_nsec =
                                atomic_load(&busy) ? took_ns * 2 / 3 % 1000000000LL : 50000000};
    nanosleep(&rest, NULL);
  }
  return NULL;
}

static void *refresh_catalogue(void *name) {
  prctl(PR_SET_NAME, name);
  for (;;) {
    sink += check_stock((uint64_t)time(NULL));
    usleep(100000);
  }
  return NULL;
}

static unsigned int argument(int argc, char **argv, int index, unsigned int otherwise) {
  int seconds = index < argc ? atoi(argv[index]) : 0;
  return seconds > 0 ? (unsigned int)seconds : otherwise;
}

int main(int argc, char **argv) {
  unsigned int idle_seconds = argument(argc, argv, 1, 15);
  unsigned int busy_seconds = argument(argc, argv, 2, 40);
  static char *const workers[] = {"checkout-1", "checkout-2"};
  pthread_t thread;
  for (int i = 0; i < 2; i++) {
    if (pthread_create(&thread, NULL, serve_requests, workers[i]) != 0)
      return 1;
  }
  if (pthread_create(&thread, NULL, refresh_catalogue, "catalogue") != 0)
    return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (;;) {
    printf("idle for %u s\n", idle_seconds);
    sleep(idle_seconds);
    printf("busy for %u s, mostly in compress_receipt()\n", busy_seconds);
    atomic_store(&busy, 1);
    sleep(busy_seconds);
    atomic_store(&busy, 0);
  }
}
