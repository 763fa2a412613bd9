/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt entries, hypercalls, and calls of code in other modes
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
#define REG(name)       %r##name
#define IRET            iretq
#define CALLEE_SAVED    rbx, rbp, r12, r13, r14, r15
#define CALLEE_RESTORED r15, r14, r13, r12, rbp, rbx
/* In the order of struct TrapFrame, from its end. */
#define TRAP_SAVED      rax, rcx, rdx, rbx, rbp, rsi, rdi, \
                        r8, r9, r10, r11, r12, r13, r14, r15
#define TRAP_RESTORED   r15, r14, r13, r12, r11, r10, r9, r8, \
                        rdi, rsi, rbp, rbx, rdx, rcx, rax
#else
#define REG(name)       %e##name
#define IRET            iretl
#define CALLEE_SAVED    ebx, esi, edi, ebp
#define CALLEE_RESTORED ebp, edi, esi, ebx
#endif

        .macro  push_all registers:vararg
        .irp    register, \registers
        push    %\register
        .endr
        .endm

        .macro  pop_all registers:vararg
        .irp    register, \registers
        pop     %\register
        .endr
        .endm

#ifdef __x86_64__

trap_common:
        push_all TRAP_SAVED
        cld
        movq    %rsp, %rdi
        movq    %rsp, %rbx
        andq    $-16, %rsp
        call    trap
        movq    %rbx, %rsp
        pop_all TRAP_RESTORED
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
        push_all CALLEE_SAVED
        movl    20(%esp), %eax
        shll    $5, %eax
        addl    $hypercall_page, %eax
        movl    24(%esp), %ebx
        movl    28(%esp), %ecx
        movl    32(%esp), %edx
        movl    36(%esp), %esi
        movl    40(%esp), %edi
        call    *%eax
        pop_all CALLEE_RESTORED
        ret

#endif

/* void run_in(struct Run *) */
        .globl  run_in
run_in:
        push_all CALLEE_SAVED
        mov     REG(sp), run_stack
#ifndef __x86_64__
        movl    20(%esp), %edi
#endif
        mov     REG(di), run_state
#ifndef __x86_64__
        testl   $3, 0x50(%edi)          /* ss:sp only if the ring changes */
        jz      1f
#endif
        push    0x58(REG(di))
        push    0x60(REG(di))
1:      push    0x70(REG(di))
        push    0x50(REG(di))
        push    0x68(REG(di))
        mov     0x00(REG(di)), REG(ax)
        mov     0x08(REG(di)), REG(bx)
        mov     0x10(REG(di)), REG(cx)
        mov     0x18(REG(di)), REG(dx)
        mov     0x20(REG(di)), REG(si)
        mov     0x30(REG(di)), REG(bp)
#ifdef __x86_64__
        mov     0x38(%rdi), %r8
        mov     0x40(%rdi), %r9
        mov     0x48(%rdi), %r10
#endif
        mov     0x28(REG(di)), REG(di)
        IRET

run_return:
        push    REG(di)
        mov     run_state, REG(di)
        mov     REG(ax), 0x00(REG(di))
        mov     REG(bx), 0x08(REG(di))
        mov     REG(cx), 0x10(REG(di))
        mov     REG(dx), 0x18(REG(di))
        mov     REG(si), 0x20(REG(di))
        mov     REG(bp), 0x30(REG(di))
#ifdef __x86_64__
        mov     %r8, 0x38(%rdi)
        mov     %r9, 0x40(%rdi)
        mov     %r10, 0x48(%rdi)
#endif
        pop     0x28(REG(di))
        .globl  run_abort
run_abort:
        mov     run_stack, REG(sp)
        pop_all CALLEE_RESTORED
        ret

/* Code for run_in(); the same bytes in 32- and 64-bit mode. */
        .globl  snippet_vmcall, snippet_vmmcall, snippet_call_rax
        .globl  snippet_wrmsr, snippet_out
snippet_vmcall:
        .byte   0x0f, 0x01, 0xc1
        int     $VECTOR_RETURN
snippet_vmmcall:
        .byte   0x0f, 0x01, 0xd9
        int     $VECTOR_RETURN
snippet_call_rax:
        .byte   0xff, 0xd0
        int     $VECTOR_RETURN
snippet_out:
        outb    %al, $HYPERCALL_PORT
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
