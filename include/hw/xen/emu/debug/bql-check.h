/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths that must not take the big QEMU lock (BQL), and the check that they
 * do not
 *
 * Sending, unmasking, the expiry of a timer and the telling of a vCPU stand in
 *
 *     xen_fast_begin();
 *     ...
 *     xen_fast_end();
 *
 * With the accelerator's property x-xen-bql-check=on a thread that takes the
 * BQL between the two ends QEMU with the place where it did; tests run so.  A
 * caller who holds it already (a monitor command, the main loop) may call these
 * paths: they then need it no more than without.
 *
 * The pairs nest and belong to one thread.  Any thread, at any time; two
 * increments where the check is off.
 */
#ifndef HW_XEN_EMU_DEBUG_BQL_CHECK_H
#define HW_XEN_EMU_DEBUG_BQL_CHECK_H

#include <stdint.h>

void xen_fast_begin(void);
void xen_fast_end(void);

/* Turns the check on, for good.  Once, before there are vCPUs. */
void xen_fast_check(void);
/* Outermost pairs that were left since then, in all threads; 0 without it. */
uint64_t xen_fast_checked(void);

#endif
