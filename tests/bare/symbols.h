/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols shared with assembly and the linker script
 */
#ifndef TESTS_BARE_SYMBOLS_H
#define TESTS_BARE_SYMBOLS_H

#include "cpu.h"
#include "tap.h"

/* start.S */
extern uint32_t start_info;         /* address of struct hvm_start_info */
extern char ap_begin[], ap_end[];
extern uint64_t gdt[];
extern uintptr_t window_table[];

/* traps.S */
extern char trap_entries[], run_abort[];
extern struct Run *run_state;
void run_in(struct Run *run);

/* bare.lds */
extern const struct Test *const tests_begin[], *const tests_end[];

/* Called from assembly. */
struct TrapFrame;
void trap(struct TrapFrame *frame);
void start(unsigned cpu);

#endif
