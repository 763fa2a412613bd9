/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt entries, and calls that C cannot make
 */
#include "layout.h"

/*
 * 256 entries of ENTRY_SIZE bytes.  Each leaves a vector and an error code on
 * the stack, which the CPU itself pushes for some exceptions: 8, 10 to 14, 17
 * and 21.
 */
#define ENTRY_SIZE      16
#define ERROR_CODES     (1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21)

        .text
        .balign ENTRY_SIZE
        .globl  trap_entries
trap_entries:
        .set    vector, 0
        .rept   256
        .balign ENTRY_SIZE
        .if     vector == VECTOR_RETURN
        jmp     run_return
        .else
        .set    pushed, 0
        .if     vector < 32
        .set    pushed, ERROR_CODES >> vector & 1
        .endif
        .if     !pushed
        push    $0
        .endif
        push    $vector
        jmp     trap_common
        .endif
        .set    vector, vector + 1
        .endr

#ifdef __x86_64__

trap_common:
        pushq   %rax
        pushq   %rcx
        pushq   %rdx
        pushq   %rbx
        pushq   %rbp
        pushq   %rsi
        pushq   %rdi
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        cld
        movq    %rsp, %rdi
        movq    %rsp, %rbx
        andq    $-16, %rsp
        call    trap
        movq    %rbx, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rdi
        popq    %rsi
        popq    %rbp
        popq    %rbx
        popq    %rdx
        popq    %rcx
        popq    %rax
        addq    $16, %rsp
        iretq

/* long do_hypercall(nr, arg0, arg1, arg2, arg3, arg4), by the hypercall page */
        .globl  do_hypercall
do_hypercall:
        movq    %rdi, %rax
        shlq    $5, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        addq    $hypercall_page, %rax
        jmp     *%rax

/* void run_in(struct Run *) */
        .globl  run_in
run_in:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, run_stack
        movq    %rdi, run_state
        pushq   0x58(%rdi)
        pushq   0x60(%rdi)
        pushq   $2                      /* EFLAGS: interrupts off */
        pushq   0x50(%rdi)
        pushq   0x68(%rdi)
        movq    0x00(%rdi), %rax
        movq    0x08(%rdi), %rbx
        movq    0x10(%rdi), %rcx
        movq    0x18(%rdi), %rdx
        movq    0x20(%rdi), %rsi
        movq    0x30(%rdi), %rbp
        movq    0x38(%rdi), %r8
        movq    0x40(%rdi), %r9
        movq    0x48(%rdi), %r10
        movq    0x28(%rdi), %rdi
        iretq

run_return:
        pushq   %rdi
        movq    run_state, %rdi
        movq    %rax, 0x00(%rdi)
        movq    %rbx, 0x08(%rdi)
        movq    %rcx, 0x10(%rdi)
        movq    %rdx, 0x18(%rdi)
        movq    %rsi, 0x20(%rdi)
        movq    %rbp, 0x30(%rdi)
        movq    %r8, 0x38(%rdi)
        movq    %r9, 0x40(%rdi)
        movq    %r10, 0x48(%rdi)
        popq    0x28(%rdi)
        .globl  run_abort
run_abort:
        movq    run_stack, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret

#else

trap_common:
        pushal
        cld
        movl    %esp, %ebx
        andl    $-16, %esp
        subl    $12, %esp
        pushl   %ebx
        call    trap
        movl    %ebx, %esp
        popal
        addl    $8, %esp
        iretl

        .globl  do_hypercall
do_hypercall:
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        movl    16(%esp), %eax
        shll    $5, %eax
        addl    $hypercall_page, %eax
        movl    20(%esp), %ebx
        movl    24(%esp), %ecx
        movl    28(%esp), %edx
        movl    32(%esp), %esi
        movl    36(%esp), %edi
        call    *%eax
        popl    %edi
        popl    %esi
        popl    %ebx
        ret

        .globl  run_in
run_in:
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        pushl   %ebp
        movl    %esp, run_stack
        movl    20(%esp), %edi
        movl    %edi, run_state
        testl   $3, 0x50(%edi)
        jz      1f
        pushl   0x58(%edi)              /* only where the ring changes */
        pushl   0x60(%edi)
1:      pushl   $2
        pushl   0x50(%edi)
        pushl   0x68(%edi)
        movl    0x00(%edi), %eax
        movl    0x08(%edi), %ebx
        movl    0x10(%edi), %ecx
        movl    0x18(%edi), %edx
        movl    0x20(%edi), %esi
        movl    0x30(%edi), %ebp
        movl    0x28(%edi), %edi
        iretl

run_return:
        pushl   %edi
        movl    run_state, %edi
        movl    %eax, 0x00(%edi)
        movl    %ebx, 0x08(%edi)
        movl    %ecx, 0x10(%edi)
        movl    %edx, 0x18(%edi)
        movl    %esi, 0x20(%edi)
        movl    %ebp, 0x30(%edi)
        popl    0x28(%edi)
        .globl  run_abort
run_abort:
        movl    run_stack, %esp
        popl    %ebp
        popl    %edi
        popl    %esi
        popl    %ebx
        ret

#endif

/* What run_in() runs; the same bytes in 32- and 64-bit code. */
        .globl  snippet_vmcall, snippet_vmmcall, snippet_call_rax
        .globl  snippet_wrmsr
snippet_vmcall:
        .byte   0x0f, 0x01, 0xc1
        int     $VECTOR_RETURN
snippet_vmmcall:
        .byte   0x0f, 0x01, 0xd9
        int     $VECTOR_RETURN
snippet_call_rax:
        .byte   0xff, 0xd0
        int     $VECTOR_RETURN
snippet_wrmsr:
        wrmsr
        int     $VECTOR_RETURN

        .bss
        .balign 8
        .globl  run_state
run_stack:
        .quad   0
run_state:
        .quad   0

        .section .note.GNU-stack, "", @progbits
