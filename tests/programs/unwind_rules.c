// SPDX-License-Identifier: Apache-2.0
/*
 * Functions whose unwind information has what compilers seldom write. It is never run: the tests
 * read it.
 */
#include <alloca.h>
#include <string.h>

// Aligns its stack and lets it grow: only a saved address leads to the caller's frame.
int aligned(unsigned long bytes, char *text) {
  _Alignas(64) char copy[256];
  char *growing = alloca(bytes);
  strcpy(copy, text);
  strcpy(growing, copy);
  return copy[text[0]] + growing[bytes - 1];
}

// Each line is a place of one byte with a rule of its own.
__asm__(".text\n"
        ".globl rules\n"
        ".type rules, @function\n"
        "rules:\n"
        ".Ldata:\n"
        ".cfi_startproc\n"
        "nop\n"
        ".cfi_def_cfa_offset 1048584\n"
        "nop\n"
        ".cfi_offset %rbp, -16\n"
        "nop\n"
        ".cfi_remember_state\n"
        ".cfi_def_cfa %r11, 32\n"
        "nop\n"
        ".cfi_def_cfa_register %rbp\n"
        "nop\n"
        ".cfi_restore %rbp\n"
        "nop\n"
        ".cfi_restore_state\n"
        "nop\n"
        ".cfi_def_cfa_offset 40\n"
        ".cfi_adjust_cfa_offset 24\n"
        ".cfi_rel_offset %rbp, 8\n"
        "nop\n"
        ".cfi_same_value %rbp\n"
        "nop\n"
        // DW_CFA_def_cfa_expression: rsp + 152, loaded, + 8.
        ".cfi_escape 0x0f,0x06,0x77,0x98,0x01,0x06,0x23,0x08\n"
        "nop\n"
        // DW_CFA_def_cfa_expression: rsp + 8 + 8 * r9, loaded, + 8.
        ".cfi_escape 0x0f,0x0a,0x77,0x08,0x79,0x00,0x38,0x1e,0x22,0x06,0x23,0x08\n"
        "nop\n"
        // DW_CFA_expression: rbp at rsp + 24.
        ".cfi_escape 0x10,0x06,0x02,0x77,0x18\n"
        "nop\n"
        // DW_CFA_GNU_args_size.
        ".cfi_escape 0x2e,0x10\n"
        "nop\n"
        ".cfi_undefined %rip\n"
        "nop\n"
        ".cfi_endproc\n"
        ".size rules, .-rules\n"
        // What a signal handler returns to; the registers are in the ucontext, rsp at 160.
        ".globl signal_return\n"
        ".type signal_return, @function\n"
        "nop\n"
        "signal_return:\n"
        ".cfi_startproc\n"
        ".cfi_signal_frame\n"
        ".cfi_escape 0x0f,0x04,0x77,0xa0,0x01,0x06\n"
        ".cfi_escape 0x10,0x07,0x03,0x77,0xa0,0x01\n"
        ".cfi_escape 0x10,0x06,0x03,0x77,0xf8,0x00\n"
        ".cfi_escape 0x10,0x10,0x03,0x77,0xa8,0x01\n"
        "nop\n"
        ".cfi_endproc\n"
        ".size signal_return, .-signal_return\n"
        ".globl throwing\n"
        ".type throwing, @function\n"
        "throwing:\n"
        ".cfi_startproc\n"
        ".cfi_personality 0x1b, .Ldata\n"
        ".cfi_lsda 0x1b, .Ldata\n"
        "push %rax\n"
        ".cfi_def_cfa_offset 16\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size throwing, .-throwing\n");

int main(void) { return 0; }
