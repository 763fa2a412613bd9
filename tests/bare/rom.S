/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 64 KiB ROM that replaces firmware and starts a bare guest already in memory
 *
 * For the guest that is saved: firmware would be the largest part of its state.
 */
#include "layout.h"

#define GUEST_ENTRY     0x100000        /* where bare.lds puts start32 */
#define CR0_PE          0x00000001

        .text
        .code16
enter:
        cli
        lgdtl   %cs:gdt_pointer - enter
        movl    $CR0_PE, %eax
        movl    %eax, %cr0
        ljmpl   $SEL_CODE32, $1f
        .code32
1:      movl    $SEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $start_info, %ebx
        movl    $GUEST_ENTRY, %eax
        jmp     *%eax

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* SEL_CODE32 */
        .quad   0x00cf93000000ffff      /* SEL_DATA */
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt

/* struct hvm_start_info, as far as the guest reads it */
        .balign 8
start_info:
        .long   0x336ec578, 1, 0, 0
        .quad   0
        .long   command_line, 0
command_line:
        .asciz  "state=1"

        .org    0xfff0
        .code16
        jmp     enter
        .org    0x10000, 0xff

        .section .note.GNU-stack, "", @progbits
