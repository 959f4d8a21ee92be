/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says that it is CPython 3.11 and has one as no interpreter would: which of its structures are
 * broken, and how, is its argument. Burns CPU. Built with -rdynamic, for its objects are found by
 * their names.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORD(object, offset) (*(uint64_t *)((char *)(object) + (offset)))

const unsigned long Py_Version = 0x030b02f0;
char PyCode_Type[416];
char _PyRuntime[4096] __attribute__((aligned(16))) = {1};
static char interpreter[4096], state[512], other_state[512], cframe[64], frame[128], code[512],
    text[256], table[64];

static uint64_t at(const void *object) { return (uint64_t)object; }

static void build(void) {
  WORD(_PyRuntime, 40) = at(interpreter);
  WORD(interpreter, 16) = at(state);
  WORD(state, 16) = at(interpreter);
  WORD(state, 56) = at(cframe);
  WORD(state, 152) = (uint64_t)pthread_self();
  WORD(cframe, 8) = at(frame);
  WORD(frame, 32) = at(code);
  WORD(frame, 56) = at(code) + 184;
  frame[68] = 1;
  WORD(code, 8) = at(PyCode_Type);
  WORD(code, 72) = 7;
  WORD(code, 112) = WORD(code, 128) = at(text);
  WORD(code, 136) = at(table);
  WORD(text, 16) = 4;
  WORD(text, 32) = 1 << 2 | 0x20 | 0x40;
  memcpy(text + 48, "good", 4);
}

static void spoil(const char *how) {
  if (!strcmp(how, "frames"))
    WORD(frame, 48) = at(frame);
  if (!strcmp(how, "threads")) {
    WORD(state, 152) = 1;
    WORD(state, 8) = at(other_state);
    WORD(other_state, 8) = at(state);
  }
  if (!strcmp(how, "interpreters")) {
    WORD(interpreter, 16) = 0;
    WORD(interpreter, 0) = at(interpreter);
  }
  if (!strcmp(how, "kernel"))
    WORD(cframe, 8) = 0xffffffff81000000;
  if (!strcmp(how, "length"))
    WORD(text, 16) = ~0ull >> 1;
  if (!strcmp(how, "width"))
    WORD(text, 32) = 7 << 2 | 0x20;
  if (!strcmp(how, "lines"))
    WORD(table, 16) = ~0ull;
  if (!strcmp(how, "wide")) {
    WORD(text, 16) = 40;
    WORD(text, 32) = 4 << 2 | 0x20;
    memset(text + 72, 0xfe, sizeof(text) - 72);
  }
  if (!strcmp(how, "instruction"))
    WORD(frame, 56) = 0x1234567812345678;
  if (!strcmp(how, "type"))
    WORD(code, 8) = at(code);
  if (!strcmp(how, "unmapped")) {
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(pages + 4096, 4096);
    WORD(cframe, 8) = at(pages + 4096 - 40);
  }
}

int main(int count, char **arguments) {
  volatile uint64_t total = 0;

  build();
  if (count > 1)
    spoil(arguments[1]);
  puts("ready");
  fflush(stdout);
  for (;;)
    total++;
}
