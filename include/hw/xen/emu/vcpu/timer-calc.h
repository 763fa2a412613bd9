/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arithmetic of Xen's timers, apart from any clock or event loop
 *
 * Pure functions; compiles without QEMU, so that tests/unit/test-timer-calc.c
 * can reach every edge.  All times are ns; "now" and deadlines are Xen system
 * time, which starts near 0 and stays below 2^63.
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
 * @deadline_ns is due at @now_ns.  The guest's number is signed to Xen:
 * values from 2^63 on are before any now, so they are due at once.
 */
bool xen_timer_is_due(uint64_t deadline_ns, uint64_t now_ns);

/*
 * The deadline that set_timer_op(@timeout_ns), not 0, really arms.  A negative
 * timeout, or one 2^50 ns (13 days) or more ahead, is taken for an overflow
 * in the guest's own arithmetic: it becomes 100 ms from now, soon enough for a
 * guest that has work to do and not a storm for one that meant "never".
 */
uint64_t xen_timer_op_deadline(uint64_t timeout_ns, uint64_t now_ns);

/* VCPUOP_set_periodic_timer takes @period_ns. */
bool xen_timer_period_valid(uint64_t period_ns);

/*
 * The tick after @now_ns of a timer that ticked, or was due to tick, at
 * @last_ns (<= now) and every @period_ns from there.  Always a whole number of
 * periods after @last_ns, so that late service does not add up; ticks that
 * were missed on the way are skipped.
 */
uint64_t xen_timer_next_tick(uint64_t last_ns, uint64_t period_ns,
                             uint64_t now_ns);

/*
 * How long to wait for @deadline_ns before looking at the clock again.
 * @same_clock: the wait is measured on the clock that deadlines are on; then it
 * is the whole way.  Otherwise the two may drift apart (by 1/2000 at most, where
 * NTP disciplines one of them): a long way is cut short by 1/1024, to be
 * finished by a second, short wait that is exact enough.
 */
int64_t xen_timer_wait_ns(uint64_t deadline_ns, uint64_t now_ns,
                          bool same_clock);

#endif
