/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ABIs' guest side in shared memory, used by events.c
 */
#ifndef TESTS_BARE_EVENTS_ABI_H
#define TESTS_BARE_EVENTS_ABI_H

#include "events.h"

/* An event of @port is handled on this CPU. */
void event_arrived(uint32_t port);
/* @port notifies @cpu. */
bool event_is_of(uint32_t port, unsigned cpu);

void twolevel_take_events(VcpuInfo *v, unsigned cpu);
bool twolevel_is_pending(uint32_t port);
bool twolevel_is_masked(uint32_t port);
void twolevel_mask(uint32_t port);
void twolevel_clear_pending(uint32_t port);
/* True: an event is pending, so EVTCHNOP_unmask is needed. */
bool twolevel_unmask(uint32_t port);

void fifo_set_up(void);
void fifo_take_events(unsigned cpu);
bool fifo_is_pending(uint32_t port);
bool fifo_is_masked(uint32_t port);
void fifo_mask(uint32_t port);
void fifo_clear_pending(uint32_t port);
bool fifo_unmask(uint32_t port);

#endif
