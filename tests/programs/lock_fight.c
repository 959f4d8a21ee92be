// Three threads of a shop that share one lock: who has it computes, the others wait for it; then
// each waits for a payment.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t cart = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t sink;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

__attribute__((noinline)) void price_cart(void) {
  for (uint64_t end = now_ns() + 5000000; now_ns() < end;)
    for (int i = 0; i < 1000; i++)
      sink += i;
}

__attribute__((noinline)) void take_cart(void) {
  pthread_mutex_lock(&cart);
  price_cart();
  pthread_mutex_unlock(&cart);
}

__attribute__((noinline)) void await_payment(void) { usleep(3000); }

static void *serve(void *unused) {
  for (;;) {
    take_cart();
    await_payment();
  }
  return unused;
}

int main(void) {
  pthread_t threads[2];

  printf("ready\n");
  fflush(stdout);
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, serve, NULL);
  serve(NULL);
}
