/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants shared by C and assembly
 */
#ifndef TESTS_BARE_LAYOUT_H
#define TESTS_BARE_LAYOUT_H

#define MAX_CPUS        8
#define STACK_SIZE      0x4000          /* per CPU; in an array */

/* Segments.  Data segments of ring 3 serve both rings. */
#define SEL_CODE32      0x08
#define SEL_DATA        0x10            /* ring 0: only ever in SS */
#define SEL_CODE64      0x18
#define SEL_USER_DATA   0x23
#define SEL_USER_CODE32 0x2b
#define SEL_USER_CODE64 0x33
#define SEL_TSS         0x38

/* The APs' entry point: below 1 MiB, a multiple of 4 KiB. */
#define AP_START        0x8000

/* Virtual addresses for page_map(), above all RAM. */
#define WINDOW          0x40000000
#define WINDOW_PAGES    512

/* Where CPUs begin in SMM, unless the firmware has moved that, and a counter. */
#define SMM_BASE        0x30000
#define SMM_ENTRY       0x38000
#define SMM_COUNTER     0x39000

/* Where hypercalls are by port, QEMU's target/i386/kvm/xen-page.h. */
#define HYPERCALL_PORT  0xe4

/* Interrupt vectors. */
#define VECTOR_NMI      2
#define VECTOR_UPCALL   0x51            /* per vCPU, through the LAPIC */
#define VECTOR_CALLBACK 0x61            /* bypasses the LAPIC */
#define VECTOR_LINE     0x71            /* GSI or INTx, through the I/O APIC */
#define VECTOR_RETURN   0x80            /* from run_in() */
#define VECTOR_CALL     0x91            /* the IPI of cpu_call() */
#define VECTOR_SPURIOUS 0xff

#endif
