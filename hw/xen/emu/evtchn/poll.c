/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCHEDOP_poll: which vCPU polls which ports
 *
 * Each port has a count of its pollers, guarded by the port's locks, so that a
 * sender searches for pollers only if there are any.  A vCPU increments the
 * count and reads the pending bit with the same locks before it blocks: an
 * event comes either before, and is seen, or after, and wakes the vCPU.
 */
#include "state.h"
#include "abi.h"
#include "lock.h"
#include "pages.h"
#include "port.h"

static void evtchn_count_poller(XenEvtchn *e, uint32_t port, int n)
{
    XenEvtchnPort *p = evtchn_make_port(e, port);
    XenEvtchnHeld held;

    evtchn_lock_settled_port(e, p, &held);
    p->pollers += n;
    evtchn_unlock_port(&held);
}

/*
 * Counts a poller of @port.  Returns 1 if the port is pending, 0 if not;
 * -EINVAL, with nothing counted: it is closed.
 */
static int evtchn_poll_port(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPort *p = evtchn_make_port(e, port);
    XenEvtchnPage *stale = NULL;
    XenEvtchnHeld held;
    uint32_t word;

    /* The configuration lock keeps it open. */
    if (evtchn_state(p).type == EVTCHNSTAT_closed) {
        return -EINVAL;
    }
    e->abi->peek(e, port, &stale);
    if (stale) {
        evtchn_page_refresh(e, stale);
    }
    evtchn_lock_settled_port(e, p, &held);
    p->pollers++;
    word = e->abi->peek(e, port, &stale);
    if (p->parked & EVTCHN_PARKED_EVENT) {
        word |= EVTCHN_PENDING;
    }
    evtchn_unlock_port(&held);
    return !!(word & EVTCHN_PENDING);
}

static void evtchn_set_polling(XenEvtchn *e, unsigned vcpu, bool on)
{
    uint64_t bit = 1ull << (vcpu % 64);

    if (on) {
        __atomic_fetch_or(&e->polling[vcpu / 64], bit, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(&e->polling[vcpu / 64], ~bit, __ATOMIC_SEQ_CST);
    }
}

/* Undoes poll_begin, which has counted @vcpu at the first @counted ports. */
static void evtchn_poll_forget(XenEvtchn *e, unsigned vcpu, unsigned counted)
{
    XenEvtchnPoller *poller = &e->pollers[vcpu];

    evtchn_set_polling(e, vcpu, false);
    pthread_mutex_lock(&poller->lock);
    poller->nr = 0;
    pthread_mutex_unlock(&poller->lock);
    /* Only this thread writes the ports. */
    for (unsigned i = 0; i < counted; i++) {
        evtchn_count_poller(e, poller->ports[i], -1);
    }
}

int xen_evtchn_poll_begin(XenEvtchn *e, unsigned vcpu, const uint32_t *ports,
                          unsigned nr)
{
    XenEvtchnPoller *poller = &e->pollers[vcpu];
    unsigned counted = 0;
    int ret = 0;

    g_assert(vcpu < e->max_vcpus);

    if (nr > XEN_EVTCHN_MAX_POLL) {
        return -EINVAL;
    }
    evtchn_lock_config(e);
    pthread_mutex_lock(&poller->lock);
    g_assert(poller->nr == 0);
    if (nr) {
        memcpy(poller->ports, ports, nr * sizeof(*ports));
    }
    poller->nr = nr;
    poller->woken = false;
    pthread_mutex_unlock(&poller->lock);
    evtchn_set_polling(e, vcpu, true);

    /* As in Xen, ports that follow a pending one are not checked. */
    for (unsigned i = 0; i < nr && ret == 0; i++) {
        ret = evtchn_port_is_valid(e, ports[i]) ?
              evtchn_poll_port(e, ports[i]) : -EINVAL;
        counted += ret >= 0;
    }
    if (ret) {
        evtchn_poll_forget(e, vcpu, counted);
    }
    evtchn_unlock_config(e);
    return ret;
}

bool xen_evtchn_poll_woken(XenEvtchn *e, unsigned vcpu)
{
    XenEvtchnPoller *poller = &e->pollers[vcpu];
    bool woken;

    g_assert(vcpu < e->max_vcpus);
    pthread_mutex_lock(&poller->lock);
    woken = poller->woken;
    pthread_mutex_unlock(&poller->lock);
    return woken;
}

void xen_evtchn_poll_end(XenEvtchn *e, unsigned vcpu)
{
    g_assert(vcpu < e->max_vcpus);
    evtchn_lock_config(e);
    evtchn_poll_forget(e, vcpu, e->pollers[vcpu].nr);
    evtchn_unlock_config(e);
}
