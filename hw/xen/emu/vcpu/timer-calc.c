/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic of Xen's timers, independent of any clock or event loop
 */
#include "hw/xen/emu/vcpu/timer-calc.h"

#define OVERFLOW_SHIFT      50
#define OVERFLOW_DELAY_NS   100000000ull    /* 100 ms */
#define LONG_WAIT_NS        100000000ull
#define DRIFT_SHIFT         10              /* 1/1024 */

bool xen_timer_is_due(uint64_t deadline_ns, uint64_t now_ns)
{
    return (int64_t)deadline_ns < 0 || deadline_ns <= now_ns;
}

uint64_t xen_timer_op_deadline(uint64_t timeout_ns, uint64_t now_ns)
{
    /* Negative timeouts are the largest ones as unsigned numbers. */
    bool overflow = timeout_ns > now_ns &&
                    (timeout_ns - now_ns) >> OVERFLOW_SHIFT != 0;

    return overflow ? now_ns + OVERFLOW_DELAY_NS : timeout_ns;
}

bool xen_timer_period_valid(uint64_t period_ns)
{
    return period_ns >= XEN_TIMER_PERIOD_MIN_NS &&
           period_ns <= XEN_TIMER_PERIOD_MAX_NS;
}

uint64_t xen_timer_next_tick(uint64_t last_ns, uint64_t period_ns,
                             uint64_t now_ns)
{
    uint64_t since_last_tick = (now_ns - last_ns) % period_ns;

    return now_ns - since_last_tick + period_ns;
}

int64_t xen_timer_wait_ns(uint64_t deadline_ns, uint64_t now_ns,
                          bool same_clock)
{
    uint64_t wait;

    if (xen_timer_is_due(deadline_ns, now_ns)) {
        return 0;
    }
    wait = deadline_ns - now_ns;
    if (!same_clock && wait > LONG_WAIT_NS) {
        wait -= wait >> DRIFT_SHIFT;
    }
    return wait;
}
