/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The locks that guard a port
 *
 * The state of a port is guarded by the lock of its vCPU and, where it is still
 * linked on a queue of another vCPU, by that one's lock too; its route names
 * both.  The route can change before the locks are taken, so it is read again
 * with them.
 *
 * Order: configuration lock, page cache's lock, vCPU locks ascending.  Two
 * senders that took the locks of two vCPUs in different orders would deadlock.
 */
#ifndef HW_XEN_EMU_EVTCHN_LOCK_H
#define HW_XEN_EMU_EVTCHN_LOCK_H

#include "state.h"

/* The locks that are held for a port. */
typedef struct XenEvtchnHeld {
    XenEvtchnVcpu *v;           /* the vCPU that it notifies */
    XenEvtchnVcpu *q;           /* the vCPU of its queue, often the same */
} XenEvtchnHeld;

/* The locks that are held to move a port: at most three vCPUs, ascending. */
typedef struct XenEvtchnLockSet {
    unsigned n;
    unsigned vcpu[3];
} XenEvtchnLockSet;

/* Counts the waiters, so that a long operation knows when to let them in. */
static inline void evtchn_lock_config(XenEvtchn *e)
{
    if (pthread_mutex_trylock(&e->config) != 0) {
        __atomic_fetch_add(&e->config_waiters, 1, __ATOMIC_RELAXED);
        pthread_mutex_lock(&e->config);
        __atomic_fetch_sub(&e->config_waiters, 1, __ATOMIC_RELAXED);
    }
}

static inline void evtchn_unlock_config(XenEvtchn *e)
{
    pthread_mutex_unlock(&e->config);
}

static inline void evtchn_lock_vcpu(XenEvtchnVcpu *v)
{
    pthread_mutex_lock(&v->lock);
}

static inline void evtchn_unlock_vcpu(XenEvtchnVcpu *v)
{
    pthread_mutex_unlock(&v->lock);
}

void evtchn_lock_all_vcpus(XenEvtchn *e);
void evtchn_unlock_all_vcpus(XenEvtchn *e);

/* The general cases of the two inline functions below. */
bool evtchn_lock_port_pair(XenEvtchn *e, XenEvtchnPort *p,
                           XenEvtchnHeld *held);
void evtchn_unlock_port_pair(const XenEvtchnHeld *held);

/*
 * Takes the locks that guard @p.  Returns false, with no lock held, if the
 * port has moved EVTCHN_MAX_RETRIES times; the caller then needs the
 * configuration lock.
 */
static inline bool evtchn_lock_port(XenEvtchn *e, XenEvtchnPort *p,
                                    XenEvtchnHeld *held)
{
    XenEvtchnRoute seen = evtchn_route(p), now;

    if (evtchn_likely(seen.vcpu == seen.queue_vcpu)) {
        held->v = held->q = &e->vcpus[seen.vcpu];
        evtchn_lock_vcpu(held->v);
        now = evtchn_route(p);
        if (evtchn_likely(now.vcpu == seen.vcpu &&
                          now.queue_vcpu == seen.queue_vcpu)) {
            return true;
        }
        evtchn_unlock_vcpu(held->v);
    }
    return evtchn_lock_port_pair(e, p, held);
}

/*
 * The same for a port that cannot move, since the caller holds the
 * configuration lock: it always gets the locks.  A sender may still link the
 * port on its vCPU's queue, and so change its route once; EVTCHN_MAX_RETRIES is
 * more.
 */
static inline void evtchn_lock_settled_port(XenEvtchn *e, XenEvtchnPort *p,
                                            XenEvtchnHeld *held)
{
    if (!evtchn_lock_port(e, p, held)) {
        g_assert_not_reached();
    }
}

static inline void evtchn_unlock_port(const XenEvtchnHeld *held)
{
    if (evtchn_likely(held->v == held->q)) {
        evtchn_unlock_vcpu(held->v);
    } else {
        evtchn_unlock_port_pair(held);
    }
}

/* The general cases of the two inline functions below. */
XenEvtchnRoute evtchn_lock_several_to_move(XenEvtchn *e, XenEvtchnPort *p,
                                           unsigned vcpu,
                                           XenEvtchnLockSet *set);
void evtchn_unlock_set(XenEvtchn *e, const XenEvtchnLockSet *set);

/*
 * Takes the locks of @p and of @vcpu and returns @p's route, which does not
 * change while they are held.  The caller holds the configuration lock.
 */
static inline XenEvtchnRoute evtchn_lock_to_move(XenEvtchn *e,
                                                 XenEvtchnPort *p,
                                                 unsigned vcpu,
                                                 XenEvtchnLockSet *set)
{
    XenEvtchnRoute r = evtchn_route(p);

    if (evtchn_likely(r.vcpu == vcpu && r.queue_vcpu == vcpu)) {
        /* Nothing can link the port elsewhere: it stays on this queue. */
        set->n = 1;
        set->vcpu[0] = vcpu;
        evtchn_lock_vcpu(&e->vcpus[vcpu]);
        return evtchn_route(p);
    }
    return evtchn_lock_several_to_move(e, p, vcpu, set);
}

static inline void evtchn_unlock_to_move(XenEvtchn *e,
                                         const XenEvtchnLockSet *set)
{
    if (evtchn_likely(set->n == 1)) {
        evtchn_unlock_vcpu(&e->vcpus[set->vcpu[0]]);
    } else {
        evtchn_unlock_set(e, set);
    }
}

#endif
