/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast and the slow path, and the operations that take them
 *
 * An operation is written once, as an attempt: it takes the port's locks and
 * either does everything or returns -EWOULDBLOCK and names the stale page.  The
 * fast path makes one attempt.  The slow path holds the configuration lock, so
 * that ports do not move and pairs stay connected; it refreshes the stale page
 * and tries again.
 */
#include "send.h"
#include "lock.h"
#include "notify.h"
#include "pages.h"
#include "parked.h"

/*
 * A delivery needs at most four pages.  If memory changes so often that more
 * refreshes than this are needed, the event is parked.
 */
#define SLOW_ATTEMPTS   16

static inline int evtchn_fast(XenEvtchn *e, XenEvtchnTry *attempt,
                              const XenEvtchnRequest *r)
{
    XenEvtchnFrame f = { 0 };
    int ret = attempt(e, r, &f);

    return evtchn_finish(e, &f, ret);
}

int evtchn_try_slow(XenEvtchn *e, XenEvtchnTry *attempt,
                    const XenEvtchnRequest *r, XenEvtchnFrame *f,
                    XenEvtchnBatch *batch)
{
    bool refreshed = false, park = false;
    int ret;

    for (unsigned i = 0; ; i++) {
        *f = (XenEvtchnFrame) { .slow = true, .park = park };
        ret = attempt(e, r, f);
        if (ret != -EWOULDBLOCK) {
            break;
        }
        if (park) {
            /* A peer that does not name this port: not in a sane table. */
            ret = -EINVAL;
            break;
        }
        if (!f->stale || evtchn_page_refresh(e, f->stale) < 0 ||
            i >= SLOW_ATTEMPTS) {
            park = true;
        } else {
            refreshed = true;
        }
    }
    if (refreshed) {
        evtchn_replay_parked(e, batch);
    }
    return ret;
}

static int evtchn_slow(XenEvtchn *e, XenEvtchnTry *attempt,
                       const XenEvtchnRequest *r)
{
    XenEvtchnBatch batch = { 0 };
    XenEvtchnFrame f;
    int ret;

    evtchn_lock_config(e);
    ret = evtchn_try_slow(e, attempt, r, &f, &batch);
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
    return evtchn_finish(e, &f, ret);
}

int evtchn_do(XenEvtchn *e, XenEvtchnTry *attempt, const XenEvtchnRequest *r)
{
    int ret = evtchn_fast(e, attempt, r);

    return ret == -EWOULDBLOCK ? evtchn_slow(e, attempt, r) : ret;
}

/*
 * Locks an open port.  -EINVAL: it is not open; -EWOULDBLOCK: it moves.
 */
static inline int evtchn_lock_open_port(XenEvtchn *e, uint32_t port,
                                        XenEvtchnPort **p,
                                        XenEvtchnHeld *held)
{
    *p = evtchn_port(e, port);
    if (!*p) {
        return -EINVAL;
    }
    if (!evtchn_lock_port(e, *p, held)) {
        return -EWOULDBLOCK;
    }
    if (evtchn_state(*p).type == EVTCHNSTAT_closed) {
        evtchn_unlock_port(held);
        return -EINVAL;
    }
    return 0;
}

int evtchn_try_port(XenEvtchn *e, const XenEvtchnRequest *r,
                    XenEvtchnFrame *f)
{
    XenEvtchnPort *p;
    XenEvtchnHeld held;
    int ret = evtchn_lock_open_port(e, r->port, &p, &held);

    if (ret == 0) {
        ret = e->abi->deliver(e, &held, p, r->port, r->event, f);
        evtchn_unlock_port(&held);
    }
    return ret;
}

/*
 * -------------------------------------------------------------- send --
 * -ESTALE, used here only: the port's state has changed since it was read.
 */

/*
 * Raises the other end of a loop-back channel.  Its own locks are enough: each
 * end names the other, and the peer changes first when one of them is closed.
 */
static int evtchn_send_to_peer(XenEvtchn *e, uint32_t port, uint32_t peer,
                               XenEvtchnFrame *f)
{
    XenEvtchnPort *p = evtchn_port(e, peer);
    XenEvtchnHeld held;
    XenEvtchnState s;
    int ret = -ESTALE;

    if (!p) {
        /* The guest has become 32-bit, and has fewer ports now. */
        return -EINVAL;
    }
    if (!evtchn_lock_port(e, p, &held)) {
        return -EWOULDBLOCK;
    }
    s = evtchn_state(p);
    if (evtchn_likely(s.type == EVTCHNSTAT_interdomain && !s.to_backend &&
                      s.val == port)) {
        ret = e->abi->deliver(e, &held, p, peer, EVTCHN_RAISE, f);
    }
    evtchn_unlock_port(&held);
    return ret;
}

/* Sends from an IPI port, or to a back end, if the state is still @seen. */
static int evtchn_send_own(XenEvtchn *e, XenEvtchnPort *p, uint32_t port,
                           XenEvtchnState seen, XenEvtchnFrame *f)
{
    XenEvtchnHeld held;
    int ret = -ESTALE;

    if (!evtchn_lock_port(e, p, &held)) {
        return -EWOULDBLOCK;
    }
    if (evtchn_likely(evtchn_same_state(evtchn_state(p), seen))) {
        if (seen.type == EVTCHNSTAT_ipi) {
            ret = e->abi->deliver(e, &held, p, port, EVTCHN_RAISE, f);
        } else if (p->backend) {
            e->ops->signal_backend(e->opaque, p->backend, p->backend->cookie);
            evtchn_count_delivery(&held.v->stats[XEN_EVTCHN_TO_BACKEND], f);
            ret = 0;
        } else {
            /* Not reconnected since migration; signalled when it is. */
            ret = 0;
        }
    }
    evtchn_unlock_port(&held);
    return ret;
}

static int evtchn_try_send(XenEvtchn *e, const XenEvtchnRequest *r,
                           XenEvtchnFrame *f)
{
    XenEvtchnPort *p = evtchn_port(e, r->port);
    int ret;

    if (!p) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < EVTCHN_MAX_RETRIES; i++) {
        XenEvtchnState s = evtchn_state(p);

        switch (s.type) {
        case EVTCHNSTAT_ipi:
            ret = evtchn_send_own(e, p, r->port, s, f);
            break;
        case EVTCHNSTAT_interdomain:
            ret = s.to_backend ? evtchn_send_own(e, p, r->port, s, f)
                               : evtchn_send_to_peer(e, r->port, s.val, f);
            break;
        case EVTCHNSTAT_unbound:
            /* No peer yet; one that binds later is notified then. */
            return 0;
        default:
            return -EINVAL;
        }
        if (evtchn_likely(ret != -ESTALE)) {
            return ret;
        }
    }
    return -EWOULDBLOCK;
}

int xen_evtchn_send_fast(XenEvtchn *e, uint32_t port)
{
    return evtchn_fast(e, evtchn_try_send,
                       &(XenEvtchnRequest) { .port = port });
}

int xen_evtchn_send(XenEvtchn *e, uint32_t port)
{
    return evtchn_do(e, evtchn_try_send, &(XenEvtchnRequest) { .port = port });
}

/* ------------------------------------------------------------ unmask -- */

static int evtchn_try_unmask(XenEvtchn *e, const XenEvtchnRequest *r,
                             XenEvtchnFrame *f)
{
    int ret = evtchn_try_port(e, r, f);

    /* As in Xen, unmasking a closed port that exists has no effect. */
    if (ret == -EINVAL && (r->port < EVTCHN_BUCKET_PORTS ||
                           evtchn_port(e, r->port))) {
        ret = 0;
    }
    return ret;
}

int xen_evtchn_unmask_fast(XenEvtchn *e, uint32_t port)
{
    return evtchn_fast(e, evtchn_try_unmask, &(XenEvtchnRequest) {
                           .port = port, .event = EVTCHN_UNMASK });
}

int xen_evtchn_unmask(XenEvtchn *e, uint32_t port)
{
    return evtchn_do(e, evtchn_try_unmask, &(XenEvtchnRequest) {
                         .port = port, .event = EVTCHN_UNMASK });
}

int xen_evtchn_inject(XenEvtchn *e, uint32_t port)
{
    return evtchn_do(e, evtchn_try_port,
                     &(XenEvtchnRequest) { .port = port });
}

/* -------------------------------------------------------- VIRQ, PIRQ -- */

/* Raises @port if it is still bound to @val as @type. */
static int evtchn_raise_bound(XenEvtchn *e, uint32_t port, unsigned type,
                              uint32_t val, XenEvtchnFrame *f)
{
    XenEvtchnPort *p;
    XenEvtchnHeld held;
    XenEvtchnState s;
    int ret;

    if (!port) {
        return -ENOENT;
    }
    ret = evtchn_lock_open_port(e, port, &p, &held);
    if (ret < 0) {
        return ret == -EINVAL ? -ENOENT : ret;
    }
    s = evtchn_state(p);
    ret = -ENOENT;
    if (s.type == type && s.val == val) {
        ret = e->abi->deliver(e, &held, p, port, EVTCHN_RAISE, f);
    }
    evtchn_unlock_port(&held);
    return ret;
}

uint32_t xen_evtchn_virq_port(XenEvtchn *e, unsigned vcpu, unsigned virq)
{
    if (vcpu >= e->max_vcpus || virq >= XEN_EVTCHN_NR_VIRQS) {
        return 0;
    }
    if (evtchn_virq_is_global(virq)) {
        vcpu = 0;
    }
    return __atomic_load_n(&e->vcpus[vcpu].virq_port[virq], __ATOMIC_ACQUIRE);
}

static int evtchn_try_virq(XenEvtchn *e, const XenEvtchnRequest *r,
                           XenEvtchnFrame *f)
{
    return evtchn_raise_bound(e, xen_evtchn_virq_port(e, r->vcpu, r->virq),
                              EVTCHNSTAT_virq, r->virq, f);
}

int xen_evtchn_raise_virq_fast(XenEvtchn *e, unsigned vcpu, unsigned virq)
{
    return evtchn_fast(e, evtchn_try_virq,
                       &(XenEvtchnRequest) { .vcpu = vcpu, .virq = virq });
}

int xen_evtchn_raise_virq(XenEvtchn *e, unsigned vcpu, unsigned virq)
{
    return evtchn_do(e, evtchn_try_virq,
                     &(XenEvtchnRequest) { .vcpu = vcpu, .virq = virq });
}

uint32_t xen_evtchn_pirq_port(XenEvtchn *e, unsigned pirq)
{
    return pirq < e->max_pirqs
           ? __atomic_load_n(&e->pirq_port[pirq], __ATOMIC_ACQUIRE) : 0;
}

/* @r->virq: the PIRQ. */
static int evtchn_try_pirq(XenEvtchn *e, const XenEvtchnRequest *r,
                           XenEvtchnFrame *f)
{
    return evtchn_raise_bound(e, xen_evtchn_pirq_port(e, r->virq),
                              EVTCHNSTAT_pirq, r->virq, f);
}

int xen_evtchn_raise_pirq_fast(XenEvtchn *e, unsigned pirq)
{
    return evtchn_fast(e, evtchn_try_pirq,
                       &(XenEvtchnRequest) { .virq = pirq });
}

int xen_evtchn_raise_pirq(XenEvtchn *e, unsigned pirq)
{
    return evtchn_do(e, evtchn_try_pirq,
                     &(XenEvtchnRequest) { .virq = pirq });
}
