/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 2-level ABI: a pending and a mask bit a port in shared_info, and in each
 * vcpu_info a selector with one bit for each word of pending bits
 *
 * The 64- and 32-bit layouts differ in offsets, in the number of ports and in
 * how many ports a selector bit covers.  All three come from XenGuestLayout;
 * bits are accessed through the 32-bit word that contains them in both.
 */
#include "abi.h"
#include "pages.h"
#include "parked.h"

static inline uint32_t *evtchn_2l_word(void *base, unsigned offset,
                                       uint32_t bit)
{
    return (uint32_t *)((uint8_t *)base + offset) + bit / 32;
}

/* Returns whether the bit was set before. */
static inline bool evtchn_2l_set(void *base, unsigned offset, uint32_t bit)
{
    uint32_t m = 1u << (bit % 32);

    return __atomic_fetch_or(evtchn_2l_word(base, offset, bit), m,
                             __ATOMIC_SEQ_CST) & m;
}

/* Returns whether the bit was set before. */
static inline bool evtchn_2l_clear(void *base, unsigned offset, uint32_t bit)
{
    uint32_t m = 1u << (bit % 32);

    return __atomic_fetch_and(evtchn_2l_word(base, offset, bit), ~m,
                              __ATOMIC_SEQ_CST) & m;
}

static inline bool evtchn_2l_test(void *base, unsigned offset, uint32_t bit)
{
    return __atomic_load_n(evtchn_2l_word(base, offset, bit),
                           __ATOMIC_SEQ_CST) >> (bit % 32) & 1;
}

static uint32_t evtchn_2l_port_limit(const XenGuestLayout *layout)
{
    return layout->nr_2l_ports;
}

static bool evtchn_2l_has_port(XenEvtchn *e, uint32_t port)
{
    return e->shared_info && port < e->layout->nr_2l_ports;
}

/* Sets the selector bit of @port and, if need be, the upcall flag. */
static void evtchn_2l_select(XenEvtchn *e, XenEvtchnVcpu *v,
                             XenEvtchnStats *st, uint32_t port,
                             XenEvtchnFrame *f)
{
    void *info = xen_guest_page_check(&v->info.page);

    evtchn_count_delivery(st, f);
    if (info) {
        if (evtchn_2l_set(info, e->layout->pending_sel,
                          port / e->layout->word_bits)) {
            st->upcalls_saved++;
        } else {
            evtchn_set_upcall(v, st, f);
        }
    }
}

/*
 * Applies what was parked while there was no page, then @event, to the port's
 * bits.  Returns what is left to do: to notify the guest if need be, whatever
 * @event was.
 */
static XenEvtchnEvent evtchn_2l_catch_up(XenEvtchn *e, uint32_t port,
                                         XenEvtchnEvent event,
                                         unsigned parked)
{
    if (event == EVTCHN_UNMASK || parked & EVTCHN_PARKED_UNMASK) {
        evtchn_2l_clear(e->shared_info, e->layout->evtchn_mask, port);
    }
    if (event == EVTCHN_RAISE || parked & EVTCHN_PARKED_EVENT) {
        evtchn_2l_set(e->shared_info, e->layout->evtchn_pending, port);
    }
    return EVTCHN_RENOTIFY;
}

static int evtchn_2l_deliver(XenEvtchn *e, const XenEvtchnHeld *held,
                             XenEvtchnPort *p, uint32_t port,
                             XenEvtchnEvent event, XenEvtchnFrame *f)
{
    const XenGuestLayout *layout = e->layout;
    XenEvtchnVcpu *v = held->v;
    XenEvtchnStats *st = &v->stats[p->kind];
    void *shared = e->shared_info;

    f->port = port;
    if (e->kernel_delivery && event == EVTCHN_RAISE && !f->slow) {
        st->kernel++;
        f->kernel = true;
        f->vcpu = v->index;
        f->wake = p->pollers;
        return 0;
    }
    if (evtchn_unlikely(!evtchn_2l_has_port(e, port))) {
        if (event != EVTCHN_RENOTIFY) {
            evtchn_park(e, held, p, event);
            f->wake = p->pollers;
        }
        return 0;
    }
    if (evtchn_unlikely(evtchn_page_is_stale(&v->info))) {
        if (!f->park) {
            st->would_block += !f->slow;
            f->stale = &v->info;
            return -EWOULDBLOCK;
        }
        /*
         * There is no RAM behind vcpu_info.  The bits in shared_info can still
         * be changed; the notification is parked.
         */
        if (event == EVTCHN_UNMASK) {
            evtchn_2l_clear(shared, layout->evtchn_mask, port);
        }
        if (event == EVTCHN_RAISE ||
            evtchn_2l_test(shared, layout->evtchn_pending, port)) {
            evtchn_park(e, held, p, EVTCHN_RAISE);
            f->wake = p->pollers;
        }
        return 0;
    }

    if (evtchn_unlikely(p->parked)) {
        event = evtchn_2l_catch_up(e, port, event, evtchn_unpark(e, p));
        f->wake = p->pollers;
    }
    switch (event) {
    case EVTCHN_RAISE:
        if (evtchn_2l_set(shared, layout->evtchn_pending, port)) {
            st->already_pending++;
            return 0;
        }
        f->wake = p->pollers;
        if (evtchn_2l_test(shared, layout->evtchn_mask, port)) {
            st->masked++;
            return 0;
        }
        break;
    case EVTCHN_UNMASK:
        if (!evtchn_2l_clear(shared, layout->evtchn_mask, port) ||
            !evtchn_2l_test(shared, layout->evtchn_pending, port)) {
            return 0;
        }
        break;
    case EVTCHN_RENOTIFY:
        if (!evtchn_2l_test(shared, layout->evtchn_pending, port) ||
            evtchn_2l_test(shared, layout->evtchn_mask, port)) {
            return 0;
        }
        break;
    }
    evtchn_2l_select(e, v, st, port, f);
    return 0;
}

static uint32_t evtchn_2l_peek(XenEvtchn *e, uint32_t port,
                               XenEvtchnPage **stale)
{
    uint32_t word = 0;

    if (evtchn_2l_has_port(e, port)) {
        if (evtchn_2l_test(e->shared_info, e->layout->evtchn_pending, port)) {
            word |= EVTCHN_PENDING;
        }
        if (evtchn_2l_test(e->shared_info, e->layout->evtchn_mask, port)) {
            word |= EVTCHN_MASKED;
        }
    }
    return word;
}

static bool evtchn_2l_clear_pending(XenEvtchn *e, uint32_t port)
{
    return evtchn_2l_has_port(e, port) &&
           evtchn_2l_clear(e->shared_info, e->layout->evtchn_pending, port);
}

const XenEvtchnAbiOps evtchn_abi_2l = {
    .abi = XEN_EVTCHN_ABI_2L,
    .port_limit = evtchn_2l_port_limit,
    .deliver = evtchn_2l_deliver,
    .peek = evtchn_2l_peek,
    .clear_pending = evtchn_2l_clear_pending,
};
