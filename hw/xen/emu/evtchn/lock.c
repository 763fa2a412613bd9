/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The locks that guard a port: of one vCPU, of two, three or all. */
#include "lock.h"

static void evtchn_lock_pair(XenEvtchnVcpu *a, XenEvtchnVcpu *b)
{
    if (a == b) {
        evtchn_lock_vcpu(a);
    } else {
        evtchn_lock_vcpu(a < b ? a : b);
        evtchn_lock_vcpu(a < b ? b : a);
    }
}

static void evtchn_unlock_pair(XenEvtchnVcpu *a, XenEvtchnVcpu *b)
{
    evtchn_unlock_vcpu(a);
    if (a != b) {
        evtchn_unlock_vcpu(b);
    }
}

bool evtchn_lock_port_pair(XenEvtchn *e, XenEvtchnPort *p,
                           XenEvtchnHeld *held)
{
    for (unsigned i = 0; i < EVTCHN_MAX_RETRIES; i++) {
        XenEvtchnRoute seen = evtchn_route(p), now;

        held->v = &e->vcpus[seen.vcpu];
        held->q = &e->vcpus[seen.queue_vcpu];
        evtchn_lock_pair(held->v, held->q);
        now = evtchn_route(p);
        if (evtchn_likely(now.vcpu == seen.vcpu &&
                          now.queue_vcpu == seen.queue_vcpu)) {
            return true;
        }
        evtchn_unlock_pair(held->v, held->q);
    }
    return false;
}

void evtchn_unlock_port_pair(const XenEvtchnHeld *held)
{
    evtchn_unlock_pair(held->v, held->q);
}

void evtchn_lock_all_vcpus(XenEvtchn *e)
{
    evtchn_for_each_vcpu(e, v) {
        evtchn_lock_vcpu(v);
    }
}

void evtchn_unlock_all_vcpus(XenEvtchn *e)
{
    evtchn_for_each_vcpu(e, v) {
        evtchn_unlock_vcpu(v);
    }
}

static void evtchn_lock_set(XenEvtchn *e, XenEvtchnLockSet *set, unsigned x,
                            unsigned y, unsigned z)
{
    unsigned low = MIN(MIN(x, y), z), high = MAX(MAX(x, y), z);
    unsigned mid = x + y + z - low - high;

    set->n = 0;
    set->vcpu[set->n++] = low;
    if (mid != low) {
        set->vcpu[set->n++] = mid;
    }
    if (high != mid) {
        set->vcpu[set->n++] = high;
    }
    for (unsigned i = 0; i < set->n; i++) {
        evtchn_lock_vcpu(&e->vcpus[set->vcpu[i]]);
    }
}

void evtchn_unlock_set(XenEvtchn *e, const XenEvtchnLockSet *set)
{
    for (unsigned i = set->n; i-- > 0; ) {
        evtchn_unlock_vcpu(&e->vcpus[set->vcpu[i]]);
    }
}

/*
 * A sender may link the port meanwhile and so change its queue, but only to
 * that of the port's vCPU, which cannot change here: the second attempt
 * succeeds.
 */
XenEvtchnRoute evtchn_lock_several_to_move(XenEvtchn *e, XenEvtchnPort *p,
                                           unsigned vcpu,
                                           XenEvtchnLockSet *set)
{
    for (;;) {
        XenEvtchnRoute seen = evtchn_route(p), now;

        evtchn_lock_set(e, set, seen.vcpu, seen.queue_vcpu, vcpu);
        now = evtchn_route(p);
        if (now.queue_vcpu == seen.queue_vcpu) {
            return now;
        }
        evtchn_unlock_set(e, set);
    }
}
