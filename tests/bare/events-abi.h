/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each ABI does for events.c: the guest's side, in shared memory
 */
#ifndef TESTS_BARE_EVENTS_ABI_H
#define TESTS_BARE_EVENTS_ABI_H

#include "events.h"

/* An event of @port was taken, on this CPU. */
void event_arrived(uint32_t port);
/* @cpu is to take it. */
bool event_is_of(uint32_t port, unsigned cpu);

void twolevel_take_events(VcpuInfo *v, unsigned cpu);
bool twolevel_is_pending(uint32_t port);
bool twolevel_is_masked(uint32_t port);
void twolevel_mask(uint32_t port);
void twolevel_clear_pending(uint32_t port);
/* True: leave it to Xen, an event waits. */
bool twolevel_unmask(uint32_t port);

void fifo_set_up(void);
void fifo_take_events(unsigned cpu);
bool fifo_is_pending(uint32_t port);
bool fifo_is_masked(uint32_t port);
void fifo_mask(uint32_t port);
void fifo_clear_pending(uint32_t port);
bool fifo_unmask(uint32_t port);

#endif
