/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's timers, and when their events were taken
 *
 * Both timers of a vCPU raise one event, that of its VIRQ_TIMER.
 */
#ifndef TESTS_BARE_TIMERS_H
#define TESTS_BARE_TIMERS_H

#include "events.h"

#define US          1000ull
#define MS          1000000ull

/* Each CPU's port, and the system time at which its last event was taken. */
extern uint32_t timer_port[MAX_CPUS];
extern Live64 timer_fired_at[MAX_CPUS];

/* All CPUs' VIRQ_TIMER. */
void bind_timers(void);
/* Events taken by this CPU since it was bound. */
uint32_t timer_fired(void);

/* Of this CPU; what Xen says. */
long set_singleshot(uint64_t when, uint32_t flags);
long stop_singleshot(void);
long set_timer_op(uint64_t when);
long set_periodic(uint64_t period);
long stop_periodic(void);

/* The last event of this CPU came at @when or later. */
void check_not_early(uint64_t when);
/* None for @ms, but for one that is pending already. */
void check_silence(unsigned ms);

#endif
