/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports: look-up, allocation, moving to another vCPU. */
#include "port.h"
#include "lock.h"
#include "abi.h"
#include "pages.h"

/*
 * How many closed ports an allocation checks for whether they are still linked;
 * the second number applies when no other port is free.
 */
#define CLOSING_CHECKED         4
#define CLOSING_CHECKED_FULL    64
/* How many free ports an allocation skips since their words are linked. */
#define LINKED_SKIPPED          64

bool evtchn_port_is_valid(XenEvtchn *e, uint32_t port)
{
    return port < e->port_limit && port < e->nr_valid;
}

XenEvtchnPort *evtchn_open_port(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPort *p = evtchn_port(e, port);

    return p && evtchn_state(p).type != EVTCHNSTAT_closed ? p : NULL;
}

bool evtchn_pair_is_whole(XenEvtchn *e, uint32_t port, const XenEvtchnPort *p)
{
    uint32_t number = evtchn_state(p).val;
    XenEvtchnPort *bucket = e->buckets[number / EVTCHN_BUCKET_PORTS];
    XenEvtchnState peer;

    if (!bucket) {
        return false;
    }
    peer = evtchn_state(&bucket[number % EVTCHN_BUCKET_PORTS]);
    return peer.type == EVTCHNSTAT_interdomain && !peer.to_backend &&
           peer.val == port;
}

XenEvtchnPort *evtchn_make_port(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPort **slot = &e->buckets[port / EVTCHN_BUCKET_PORTS];
    XenEvtchnPort *bucket = *slot;

    if (!bucket) {
        bucket = g_new0(XenEvtchnPort, EVTCHN_BUCKET_PORTS);
        /* Senders that see the bucket must see it cleared. */
        __atomic_store_n(slot, bucket, __ATOMIC_RELEASE);
        e->nr_valid = MAX(e->nr_valid, (port | (EVTCHN_BUCKET_PORTS - 1)) + 1);
    }
    return &bucket[port % EVTCHN_BUCKET_PORTS];
}

static bool evtchn_word_is_linked(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPage *stale = NULL;
    uint32_t word = e->abi->peek(e, port, &stale);

    if (stale && evtchn_page_refresh(e, stale) == 0) {
        stale = NULL;
        word = e->abi->peek(e, port, &stale);
    }
    return !stale && (word & EVTCHN_LINKED);
}

/*
 * If a port that was closed while its word is linked were opened again
 * immediately, its events could be delivered on the old vCPU.  It stays in a
 * list until the guest has unlinked it.
 */
static void evtchn_append_closing(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPort *last;

    if (e->nr_closing++ == 0) {
        e->closing_head = port;
    } else {
        last = evtchn_make_port(e, e->closing_tail);
        evtchn_change_state(e, last, (XenEvtchnState) {
                                .type = EVTCHNSTAT_closed, .val = port });
    }
    e->closing_tail = port;
}

void evtchn_free_port_number(XenEvtchn *e, uint32_t port)
{
    if (evtchn_word_is_linked(e, port)) {
        evtchn_append_closing(e, port);
    } else {
        xen_idmap_release(&e->used_ports, port);
    }
}

static uint32_t evtchn_pop_closing(XenEvtchn *e)
{
    uint32_t port = e->closing_head;
    XenEvtchnPort *p = evtchn_make_port(e, port);

    e->closing_head = evtchn_state(p).val;
    e->nr_closing--;
    evtchn_change_state(e, p, (XenEvtchnState) { .type = EVTCHNSTAT_closed });
    return port;
}

static void evtchn_free_some_closing(XenEvtchn *e, uint32_t max)
{
    for (uint32_t n = MIN(max, e->nr_closing); n > 0; n--) {
        /* Appends a port that is still linked to the list again. */
        evtchn_free_port_number(e, evtchn_pop_closing(e));
    }
}

void evtchn_free_all_closing(XenEvtchn *e)
{
    while (e->nr_closing) {
        xen_idmap_release(&e->used_ports, evtchn_pop_closing(e));
    }
}

/*
 * Takes the lowest free number whose word is not linked.  A free number's word
 * is linked if the guest has set the bit itself, or was migrated before it
 * unlinked a closed port.  After LINKED_SKIPPED of them takes a linked one.
 */
static uint32_t evtchn_take_port_number(XenEvtchn *e)
{
    uint32_t port;

    for (unsigned i = 0; ; i++) {
        port = xen_idmap_lowest_free(&e->used_ports);
        if (port >= e->port_limit) {
            return port;
        }
        xen_idmap_take(&e->used_ports, port);
        if (i == LINKED_SKIPPED || !evtchn_word_is_linked(e, port)) {
            return port;
        }
        evtchn_append_closing(e, port);
    }
}

int evtchn_reserve_port(XenEvtchn *e, uint32_t *port)
{
    evtchn_free_some_closing(e, CLOSING_CHECKED);
    *port = evtchn_take_port_number(e);
    if (*port >= e->port_limit) {
        evtchn_free_some_closing(e, CLOSING_CHECKED_FULL);
        *port = evtchn_take_port_number(e);
    }
    return *port < e->port_limit ? 0 : -ENOSPC;
}

void evtchn_open_reserved(XenEvtchn *e, uint32_t port, XenEvtchnState state,
                          unsigned vcpu)
{
    XenEvtchnPort *p = evtchn_make_port(e, port);

    evtchn_move_port(e, p, port, vcpu, EVTCHN_FIFO_PRIORITY_DEFAULT);
    evtchn_change_state(e, p, state);
}

int evtchn_alloc_port(XenEvtchn *e, XenEvtchnState state, unsigned vcpu,
                      uint32_t *port)
{
    int ret = evtchn_reserve_port(e, port);

    if (ret == 0) {
        evtchn_open_reserved(e, *port, state, vcpu);
    }
    return ret;
}

void evtchn_change_state(XenEvtchn *e, XenEvtchnPort *p, XenEvtchnState s)
{
    XenEvtchnHeld held;

    evtchn_lock_settled_port(e, p, &held);
    evtchn_set_state(p, s);
    evtchn_unlock_port(&held);
}

void evtchn_move_port(XenEvtchn *e, XenEvtchnPort *p, uint32_t port,
                      unsigned vcpu, unsigned priority)
{
    XenEvtchnLockSet set;
    XenEvtchnRoute r = evtchn_lock_to_move(e, p, vcpu, &set);
    XenEvtchnPage *stale = NULL;
    uint32_t word = e->abi->peek(e, port, &stale);

    /*
     * Ports are linked with these locks only, so a word that is not linked now
     * stays so until they are released.  If the port is the tail of its old
     * queue, that must be cleared: linked on another queue, it would be taken
     * for the tail of the old one.
     */
    if (!stale && !(word & EVTCHN_LINKED)) {
        uint32_t *tail = &e->vcpus[r.queue_vcpu].tail[r.queue_priority];

        if (*tail == port) {
            *tail = 0;
        }
        r.queue_vcpu = vcpu;
        r.queue_priority = priority;
    }
    r.vcpu = vcpu;
    r.priority = priority;
    evtchn_set_route(p, r);
    evtchn_unlock_to_move(e, &set);
}

void evtchn_fill_info(const XenEvtchnPort *p, uint32_t port,
                      XenEvtchnPortInfo *info)
{
    XenEvtchnState s = evtchn_state(p);
    XenEvtchnRoute r = evtchn_route(p);

    *info = (XenEvtchnPortInfo) {
        .port = port,
        .type = s.type,
        .priority = r.priority,
        .vcpu = r.vcpu,
        .val = s.type == EVTCHNSTAT_closed ? 0 : s.val,
        .to_backend = s.to_backend,
        .parked = __atomic_load_n(&p->parked, __ATOMIC_RELAXED) &
                  EVTCHN_PARKED_EVENT,
        .parked_unmask = __atomic_load_n(&p->parked, __ATOMIC_RELAXED) &
                         EVTCHN_PARKED_UNMASK,
        .queue_vcpu = r.queue_vcpu,
        .queue_priority = r.queue_priority,
    };
}

void evtchn_report_port(XenEvtchn *e, uint32_t port, const XenEvtchnPort *p,
                        unsigned type)
{
    XenEvtchnPortInfo info;

    if (e->ops->port_changed) {
        evtchn_fill_info(p, port, &info);
        info.type = type;
        e->ops->port_changed(e->opaque, &info,
                             p->backend ? p->backend->cookie : NULL);
    }
}
