/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parked events: those whose guest page is missing
 *
 * An event that cannot be written to guest memory (no shared_info, no event
 * array page, no control block, or no RAM behind one of them) is remembered as
 * a flag of its port, which coalesces events as the pending bit would.  An
 * unmask is remembered likewise.  Every function that makes a page appear
 * replays what is parked.
 */
#include "parked.h"
#include "lock.h"
#include "notify.h"
#include "pages.h"
#include "port.h"

void evtchn_park(XenEvtchn *e, const XenEvtchnHeld *held, XenEvtchnPort *p,
                 XenEvtchnEvent event)
{
    unsigned parked = p->parked;

    if (!parked) {
        __atomic_fetch_add(&e->nr_parked, 1, __ATOMIC_RELAXED);
    }
    if (event == EVTCHN_UNMASK) {
        parked |= EVTCHN_PARKED_UNMASK;
    } else {
        held->v->stats[p->kind].parked++;
        parked |= EVTCHN_PARKED_EVENT;
    }
    __atomic_store_n(&p->parked, parked, __ATOMIC_RELAXED);
}

static void evtchn_replay_port(XenEvtchn *e, uint32_t port,
                               XenEvtchnBatch *batch)
{
    XenEvtchnFrame f = { .slow = true };
    XenEvtchnPort *p = evtchn_open_port(e, port);
    XenEvtchnHeld held;
    unsigned parked;
    int ret;

    parked = p ? __atomic_load_n(&p->parked, __ATOMIC_RELAXED) : 0;
    if (!parked) {
        return;
    }
    evtchn_lock_settled_port(e, p, &held);
    /* -EWOULDBLOCK: its page is still missing, so it stays parked. */
    ret = e->abi->deliver(e, &held, p, port,
                          parked & EVTCHN_PARKED_EVENT ? EVTCHN_RAISE
                                                       : EVTCHN_UNMASK, &f);
    evtchn_unlock_port(&held);
    if (ret == 0) {
        evtchn_batch_add(e, batch, &f);
    }
}

/* Once before all events, rather than once for each of them. */
static void evtchn_refresh_all(XenEvtchn *e)
{
    evtchn_for_each_vcpu(e, v) {
        evtchn_page_refresh(e, &v->info);
        evtchn_page_refresh(e, &v->control);
    }
    for (unsigned i = 0; i < e->nr_array_pages; i++) {
        evtchn_page_refresh(e, &e->array[i]);
    }
}

void evtchn_replay_parked(XenEvtchn *e, XenEvtchnBatch *batch)
{
    if (!__atomic_load_n(&e->nr_parked, __ATOMIC_RELAXED)) {
        return;
    }
    evtchn_refresh_all(e);
    evtchn_for_each_used(e, port) {
        evtchn_replay_port(e, port, batch);
    }
}

void xen_evtchn_retry_parked(XenEvtchn *e)
{
    XenEvtchnBatch batch = { 0 };

    if (!__atomic_load_n(&e->nr_parked, __ATOMIC_RELAXED)) {
        return;
    }
    evtchn_lock_config(e);
    evtchn_replay_parked(e, &batch);
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
}
