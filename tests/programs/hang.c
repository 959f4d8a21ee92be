// Hangs: whoever has the lock waits for a signal that never comes, three threads wait for the lock.
// To be compiled as distributions do, without frame pointers.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline)) int take_lock(int order) {
  pthread_mutex_lock(&lock);
  return order + 1;
}

__attribute__((noinline)) int load_order(int order) { return take_lock(order * 3) + 7; }

__attribute__((noinline)) int handle_request(int order) { return load_order(order + 1) * 2; }

static void *serve(void *order) {
  printf("%d\n", handle_request((int)(long)order));
  return NULL;
}

int main(void) {
  pthread_t thread;

  pthread_mutex_lock(&lock);
  for (long i = 0; i < 3; i++)
    pthread_create(&thread, NULL, serve, (void *)i);
  usleep(100000);
  printf("ready\n");
  fflush(stdout);
  pause();
  return 0;
}
