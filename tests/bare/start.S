/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry code: from firmware to C, on the first CPU and the others
 *
 * QEMU loads the file by its PVH note and enters start32 in 32-bit mode with
 * paging off and a struct hvm_start_info at EBX.
 */
#include "layout.h"

#define CR0_PE          0x00000001
#define CR0_WP          0x00010000
#define CR0_PG          0x80000000
#define CR4_PSE         0x10
#define CR4_PAE         0x20
#define MSR_EFER        0xc0000080
#define EFER_LME        0x100

#define ELFNOTE_PHYS32_ENTRY    18

        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 8, ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   start32, 0

        .text
        .code32
        .globl  start32
start32:
        cli
        cld
        lgdt    gdt_pointer
        ljmp    $SEL_CODE32, $1f
1:      movl    $SEL_USER_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es

        movl    $bss_begin, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        movl    %ebx, start_info
        /* Fall through, as CPU 0. */

ap_start32:
        movl    $SEL_USER_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    $SEL_DATA, %eax
        movl    %eax, %ss

        /* The APIC ID, which is the vCPU's number on this machine. */
        movl    $1, %eax
        cpuid
        shrl    $24, %ebx
        movl    %ebx, %esi
        leal    1(%ebx), %eax
        imull   $STACK_SIZE, %eax
        leal    stacks(%eax), %esp

#ifdef __x86_64__
        movl    $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $page_map_top, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    $(CR0_PG | CR0_WP | CR0_PE), %eax
        movl    %eax, %cr0
        ljmp    $SEL_CODE64, $start64

        .code64
start64:
        movl    %esi, %edi
        call    start
#else
        movl    $CR4_PSE, %eax
        movl    %eax, %cr4
        movl    $page_map_top, %eax
        movl    %eax, %cr3
        movl    $(CR0_PG | CR0_WP | CR0_PE), %eax
        movl    %eax, %cr0
        subl    $12, %esp
        pushl   %esi
        call    start
#endif

/* Copied to AP_START, where the other CPUs start in real mode. */
        .code16
        .globl  ap_begin, ap_end
ap_begin:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   AP_START + ap_gdt_pointer - ap_begin
        movl    $CR0_PE, %eax
        movl    %eax, %cr0
        ljmpl   $SEL_CODE32, $ap_start32
ap_gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt
ap_end:

        .data
        .globl  start_info
start_info:
        .long   0

        .balign 8
        .globl  gdt
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* SEL_CODE32 */
        .quad   0x00cf93000000ffff      /* SEL_DATA */
        .quad   0x00af9b000000ffff      /* SEL_CODE64 */
        .quad   0x00cff3000000ffff      /* SEL_USER_DATA */
        .quad   0x00cffb000000ffff      /* SEL_USER_CODE32 */
        .quad   0x00affb000000ffff      /* SEL_USER_CODE64 */
        .quad   0, 0                    /* SEL_TSS, filled in by C */
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt

/*
 * Page tables: the first 4 GiB are identity-mapped in large pages, for ring 3,
 * too, except for the window, which has a table of small pages.
 */
#define PRESENT_ALL     7               /* present, writable, user */
#define PAGE_LARGE      0x80

        .balign 4096
        .globl  window_table
window_table:
        .fill   4096

        .macro  large_pages entry:req, count:req, shift:req
        .set    n, 0
        .rept   \count
        .if     n == WINDOW >> \shift
        \entry  window_table + PRESENT_ALL
        .else
        \entry  (n << \shift) + PAGE_LARGE + PRESENT_ALL
        .endif
        .set    n, n + 1
        .endr
        .endm

#ifdef __x86_64__
page_map_top:
        .quad   page_map_upper + PRESENT_ALL
        .fill   511, 8, 0
page_map_upper:
        .quad   page_map_large + PRESENT_ALL
        .quad   page_map_large + 0x1000 + PRESENT_ALL
        .quad   page_map_large + 0x2000 + PRESENT_ALL
        .quad   page_map_large + 0x3000 + PRESENT_ALL
        .fill   508, 8, 0
page_map_large:
        large_pages .quad, 2048, 21
#else
page_map_top:
        large_pages .long, 1024, 22
#endif

        .bss
        .balign 4096
        .globl  stacks
stacks: .fill   MAX_CPUS * STACK_SIZE

        .section .note.GNU-stack, "", @progbits
