// SPDX-License-Identifier: Apache-2.0
// names_target.c as a shared library has main under this name; this program only calls it.
int run_library(int argc, char **argv);

int main(int argc, char **argv) { return run_library(argc, argv); }
