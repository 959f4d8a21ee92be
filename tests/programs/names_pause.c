// SPDX-License-Identifier: Apache-2.0
// Says that it runs and waits; linked statically, so that it runs in an otherwise empty root
// directory.
#include <unistd.h>

int main(void) {
  write(1, "ready\n", 6);
  for (;;)
    pause();
}
