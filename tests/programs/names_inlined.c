// SPDX-License-Identifier: Apache-2.0
// Functions that are inlined into each other, also in a loop and more than once.
#include <stdio.h>
#include <string.h>

static inline __attribute__((always_inline)) unsigned mix(unsigned value) {
  value ^= value >> 13;
  value *= 0x5bd1e995;
  return value ^ value >> 15;
}

static inline __attribute__((always_inline)) unsigned mix_twice(unsigned value) {
  return mix(mix(value) + 23);
}

__attribute__((noinline)) unsigned hash_text(const char *text) {
  unsigned sum = 0;
  for (size_t at = 0; text[at] != 0; at++)
    sum = mix_twice(sum + (unsigned char)text[at]);
  return sum;
}

__attribute__((noinline)) static unsigned hash_all(int count, char **texts) {
  unsigned sum = 0;
  for (int at = 0; at < count; at++)
    sum += strlen(texts[at]) > 3 ? mix(hash_text(texts[at])) : mix_twice(sum);
  return sum;
}

int main(int argc, char **argv) {
  printf("%u\n", mix_twice(hash_all(argc, argv)));
  return 0;
}
