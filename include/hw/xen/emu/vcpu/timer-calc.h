/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic of Xen's timers, independent of any clock or event loop
 *
 * Pure functions; compiles without QEMU, so that tests/unit/test-timer-calc.c
 * can test every corner case.  All times are ns; "now" and deadlines are Xen
 * system time, which starts near 0 and stays below 2^63.
 *
 * Source of the ABI: include/hw/xen/interface/vcpu.h and Xen's behaviour
 * (set_timer_op's overflow rule is not in a public header).
 */
#ifndef HW_XEN_EMU_VCPU_TIMER_CALC_H
#define HW_XEN_EMU_VCPU_TIMER_CALC_H

#include <stdint.h>
#include <stdbool.h>

#define XEN_TIMER_PERIOD_MIN_NS     1000000ull          /* 1 ms */
#define XEN_TIMER_PERIOD_MAX_NS     (UINT64_MAX >> 2)   /* STIME_DELTA_MAX */

/*
 * @deadline_ns is due at @now_ns.  Xen takes the guest's value as signed, so
 * values of 2^63 and above are in the past.
 */
bool xen_timer_is_due(uint64_t deadline_ns, uint64_t now_ns);

/*
 * The deadline that set_timer_op(@timeout_ns), @timeout_ns != 0, arms.  As in
 * Xen, a negative timeout, or one 2^50 ns (13 days) or more ahead, is assumed
 * to be an overflow in the guest, and becomes 100 ms from now: soon enough for
 * a guest that has work to do, and not a storm for one that meant "never".
 */
uint64_t xen_timer_op_deadline(uint64_t timeout_ns, uint64_t now_ns);

/* @period_ns is valid for VCPUOP_set_periodic_timer. */
bool xen_timer_period_valid(uint64_t period_ns);

/*
 * The first tick after @now_ns of a timer that ticks every @period_ns from
 * @last_ns (<= now) on.  Missed ticks are skipped, but the result is always a
 * whole number of periods after @last_ns, so that delays do not accumulate.
 */
uint64_t xen_timer_next_tick(uint64_t last_ns, uint64_t period_ns,
                             uint64_t now_ns);

/*
 * How long to wait for @deadline_ns before reading the clock again.
 * @same_clock: the wait is measured by the clock of the deadline, and is not
 * shortened.  Otherwise the two clocks may drift apart (by at most 1/2000, if
 * NTP disciplines one of them), so a long wait is shortened by 1/1024 and
 * followed by a second, short one.
 */
int64_t xen_timer_wait_ns(uint64_t deadline_ns, uint64_t now_ns,
                          bool same_clock);

#endif
