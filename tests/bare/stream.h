/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of events, to test that none is lost
 *
 * Events coalesce until the first one is handled.  So the test checks what
 * guests rely on: after a send, the handler sees all that the sender wrote
 * before it.
 */
#ifndef TESTS_BARE_STREAM_H
#define TESTS_BARE_STREAM_H

#include "events.h"

struct Stream {
    uint32_t send_port;         /* argument of EVTCHNOP_send */
    uint32_t arrive_port;       /* the port that becomes pending */
    _Atomic uint32_t sent, seen;
};

/* One per CPU. */
extern struct Stream streams[MAX_CPUS];

/* Stream @i uses an IPI to @cpu, or a pair of ports that notifies @cpu. */
void stream_by_ipi(unsigned i, unsigned cpu);
void stream_by_loopback(unsigned i, unsigned cpu);
void stream_send(unsigned i);

/*
 * Makes @cpu send on streams @first to @end - 1 in turn, until stream_stop().
 * Several CPUs can send; they share the count.
 */
void stream_start(unsigned cpu, unsigned first, unsigned end);
/* Ends it, and checks that all that was sent is seen soon. */
void stream_stop(void);
/* Events sent since the start. */
uint32_t stream_sent(void);
/* Waits until @nr more events were seen. */
void stream_wait_seen(unsigned i, uint32_t nr);

#endif
