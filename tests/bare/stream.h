/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of events, to see that none is lost
 *
 * Events that arrive before the first is taken become one.  So "none lost" is
 * tested as a guest relies on it: whatever a sender wrote before it sent, the
 * handler sees.
 */
#ifndef TESTS_BARE_STREAM_H
#define TESTS_BARE_STREAM_H

#include "events.h"

struct Stream {
    uint32_t send_port;         /* what senders name */
    uint32_t arrive_port;       /* whose event the handler takes */
    _Atomic uint32_t sent, seen;
};

/* By number, as many as there are CPUs. */
extern struct Stream streams[MAX_CPUS];

/* Stream @i by an IPI to @cpu, or by a pair of ports that ends there. */
void stream_by_ipi(unsigned i, unsigned cpu);
void stream_by_loopback(unsigned i, unsigned cpu);
void stream_send(unsigned i);

/*
 * Has @cpu send on streams @first to @end - 1 in turn, until stream_stop().
 * One CPU at a time, or several: they share the count.
 */
void stream_start(unsigned cpu, unsigned first, unsigned end);
/* Ends it, and checks that everything was seen, or will be soon. */
void stream_stop(void);
/* Events sent since the start. */
uint32_t stream_sent(void);
/* Waits until @nr more were seen, whoever sends. */
void stream_wait_seen(unsigned i, uint32_t nr);

#endif
