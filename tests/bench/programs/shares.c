// SPDX-License-Identifier: Apache-2.0
/* Spends its time in twelve functions by fixed shares, from one of two callers, until it is killed.
 */
#include <stdint.h>
#include <stdio.h>

static volatile uint64_t sink;

#define WORK(NAME, ROUNDS)                                                                         \
  static void NAME(void) {                                                                         \
    for (int i = 0; i < (ROUNDS); i++)                                                             \
      sink += sink << 1 ^ (uint64_t)i;                                                             \
  }

WORK(share_30, 30000)
WORK(share_18, 18000)
WORK(share_13, 13000)
WORK(share_10, 10000)
WORK(share_8, 8000)
WORK(share_6, 6000)
WORK(share_5, 5000)
WORK(share_4, 4000)
WORK(share_3, 3000)
WORK(share_1_5, 1500)
WORK(share_1, 1000)
WORK(share_0_5, 500)

static void call_large(void) {
  share_30();
  share_18();
  share_13();
  share_10();
}

static void call_small(void) {
  share_8();
  share_6();
  share_5();
  share_4();
  share_3();
  share_1_5();
  share_1();
  share_0_5();
}

int main(void) {
  puts("ready");
  fflush(stdout);
  for (;;) {
    call_large();
    call_small();
  }
}
