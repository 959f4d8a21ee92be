// SPDX-License-Identifier: Apache-2.0
// Burns CPU in a function that the compiler puts into its caller, and that one into its own.
#include <stdio.h>

static inline __attribute__((always_inline)) unsigned long mix(unsigned long value) {
  // One line: on which of two a sample falls depends on the processor.
  // clang-format off
  for (int round = 0; round < 1000; round++) value = value * 6364136223846793005u + 1; // the hot line
  // clang-format on
  return value;
}

static inline __attribute__((always_inline)) unsigned long mix_twice(unsigned long value) {
  return mix(value) ^ mix(value + 23);
}

__attribute__((noinline)) static unsigned long burn(unsigned long value) {
  for (;;)
    value = mix_twice(value);
  return value;
}

int main(int argc, char **argv) {
  (void)argv;
  puts("ready");
  fflush(stdout);
  return (int)burn((unsigned long)argc);
}
