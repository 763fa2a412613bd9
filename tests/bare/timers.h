/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of a vCPU, and the times of their events
 *
 * Both timers of a vCPU raise the same event, VIRQ_TIMER.
 */
#ifndef TESTS_BARE_TIMERS_H
#define TESTS_BARE_TIMERS_H

#include "events.h"

#define US          1000ull
#define MS          1000000ull

/* Per CPU: the port, and the system time when its last event was handled. */
extern uint32_t timer_port[MAX_CPUS];
extern Live64 timer_fired_at[MAX_CPUS];

/* Binds VIRQ_TIMER on all CPUs. */
void bind_timers(void);
/* Events handled by this CPU since then. */
uint32_t timer_fired(void);

/* Timers of this CPU; return Xen's result. */
long set_singleshot(uint64_t when, uint32_t flags);
long stop_singleshot(void);
long set_timer_op(uint64_t when);
long set_periodic(uint64_t period);
long stop_periodic(void);

/*
 * Stops both timers of all CPUs.  No handler may arm them again: their ports
 * are closed, or have other handlers.
 */
void stop_all_timers(void);

/* Checks that the last event of this CPU was at @when or later. */
void check_not_early(uint64_t when);
/*
 * How early a timer may be, in ns.  Not at all, but on a KVM without Xen support: the
 * time of a vCPU goes on by the host's TSC from what QEMU has copied, up to 100 ms
 * before.  If that TSC is not stable, its time is not exactly that of QEMU's timers.
 */
uint64_t timer_error(void);
/* Checks that no timer fires for @ms, except for an event already pending. */
void check_silence(unsigned ms);

#endif
