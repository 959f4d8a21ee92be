// SPDX-License-Identifier: Apache-2.0
/* A library that unwind_target opens while it is profiled. */
static volatile unsigned long sink;

__attribute__((noinline)) static void library_burn(int rounds) {
  for (int i = 0; i < rounds; i++)
    sink = sink * 31 + i;
}

void library_work(void) {
  library_burn(500000);
  sink++;
}
