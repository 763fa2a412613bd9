/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check that fast paths do not take the BQL
 *
 * Sends, unmasks, timer expiry and notification of a vCPU are enclosed in
 *
 *     xen_fast_begin();
 *     ...
 *     xen_fast_end();
 *
 * With the accelerator's property x-xen-bql-check=on, QEMU aborts if a thread
 * takes the BQL in between, and prints where; tests use that.  Callers may hold
 * the BQL already (monitor commands, the main loop).
 *
 * The pairs nest and are per thread.  Any thread, at any time; the cost is two
 * increments if the check is off.
 */
#ifndef HW_XEN_EMU_DEBUG_BQL_CHECK_H
#define HW_XEN_EMU_DEBUG_BQL_CHECK_H

#include <stdint.h>

void xen_fast_begin(void);
void xen_fast_end(void);

/* Enables the check.  Once, before there are vCPUs. */
void xen_fast_check(void);
/* The number of outermost pairs completed since then, in all threads. */
uint64_t xen_fast_checked(void);

#endif
