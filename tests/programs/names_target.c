// SPDX-License-Identifier: Apache-2.0
// Prints the addresses of functions, as "name address", then waits: what a symbolizer must find.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((noinline)) static int hidden_leaf(int value) { return value * 23 + 1; }

__attribute__((noinline)) int visible_outer(int value) { return hidden_leaf(value) + 1; }

int main(int argc, char **argv) {
  (void)argv;
  char *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("main %p\nhidden_leaf %p\nvisible_outer %p\nmalloc %p\njit %p\nend %d\n", (void *)main,
         (void *)hidden_leaf, (void *)visible_outer, (void *)malloc, (void *)code,
         visible_outer(argc));
  fflush(stdout);
  for (;;)
    pause();
}
