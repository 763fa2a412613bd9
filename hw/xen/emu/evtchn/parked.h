/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parked events: those whose guest page is missing. */
#ifndef HW_XEN_EMU_EVTCHN_PARKED_H
#define HW_XEN_EMU_EVTCHN_PARKED_H

#include "state.h"
#include "abi.h"

/* Remembers @event for when the page is back.  The port's locks are held. */
void evtchn_park(XenEvtchn *e, const XenEvtchnHeld *held, XenEvtchnPort *p,
                 XenEvtchnEvent event);

/*
 * Forgets what was remembered, and returns it as EVTCHN_PARKED_* bits.  The
 * port's locks are held.
 */
static inline unsigned evtchn_unpark(XenEvtchn *e, XenEvtchnPort *p)
{
    unsigned parked = p->parked;

    if (evtchn_unlikely(parked)) {
        __atomic_store_n(&p->parked, 0, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&e->nr_parked, 1, __ATOMIC_RELAXED);
    }
    return parked;
}

/*
 * Delivers the parked events whose pages are there again.  The caller holds
 * the configuration lock, and finishes @batch without it.
 */
void evtchn_replay_parked(XenEvtchn *e, XenEvtchnBatch *batch);

#endif
