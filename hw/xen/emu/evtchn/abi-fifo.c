/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FIFO ABI: one word for each port, and 16 queues for each vCPU, which are
 * linked through the words
 *
 * The guest may at any time set or clear MASKED, clear PENDING and, to unlink
 * the head of a queue, clear LINKED and LINK in one step.  Only the engine sets
 * PENDING, LINKED and LINK; it holds the locks of the port's vCPU and of its
 * queue's vCPU.  Therefore:
 *
 *  - A word that is not LINKED stays so while those locks are held.
 *  - While the tail of a queue is LINKED, its LINK is 0, so an atomic OR sets
 *    LINK.  If the old value has LINKED, the guest will find the new port when
 *    it unlinks the tail.  If not, the guest had emptied the queue, and the new
 *    port is its head.  There is no loop, so there is no limit of retries at
 *    which an event is lost, and no use for the BUSY bit, by which an
 *    implementation with a loop keeps the guest from toggling MASKED.
 *  - `tail` must be cleared before its port is linked on another queue, or the
 *    next sender on the old queue would see it LINKED and link behind it.
 *
 * READY is set for a new head only, and after the head: a guest that sees the
 * bit must find the head.  A port that is linked behind a tail needs no
 * notification, since the guest has not emptied that queue yet.
 */
#include "abi.h"
#include "pages.h"
#include "parked.h"

/* The same for both layouts. */
static uint32_t evtchn_fifo_port_limit(const XenGuestLayout *layout)
{
    return EVTCHN_MAX_PORTS;
}

/*
 * The address of @port's word, or NULL: *page is stale or, if *page is NULL,
 * was never added.
 */
static inline uint32_t *evtchn_fifo_word(XenEvtchn *e, uint32_t port,
                                         XenEvtchnPage **page)
{
    uint32_t index = port / EVTCHN_WORDS_PER_PAGE;
    uint32_t *words;

    if (index >= __atomic_load_n(&e->nr_array_pages, __ATOMIC_ACQUIRE)) {
        *page = NULL;
        return NULL;
    }
    *page = &e->array[index];
    words = xen_guest_page_check(&(*page)->page);
    return words ? words + port % EVTCHN_WORDS_PER_PAGE : NULL;
}

/*
 * Links @port behind the tail, whose word is @word.  Returns false, with the
 * word unchanged, if the queue is empty.
 */
static bool evtchn_fifo_link_behind(uint32_t *word, uint32_t port)
{
    uint32_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    if (!(old & EVTCHN_LINKED)) {
        return false;
    }
    if (old & EVTCHN_LINK_MASK) {
        /* Written by the guest, which loses what it has linked there. */
        __atomic_fetch_and(word, ~EVTCHN_LINK_MASK, __ATOMIC_SEQ_CST);
    }
    old = __atomic_fetch_or(word, port, __ATOMIC_SEQ_CST);
    if (old & EVTCHN_LINKED) {
        return true;
    }
    /* Unlinked since the load.  The guest ignores LINK of such a word. */
    __atomic_fetch_and(word, ~EVTCHN_LINK_MASK, __ATOMIC_SEQ_CST);
    return false;
}

/* A stale page that linking @port on @v's queue @priority needs, or NULL. */
static XenEvtchnPage *evtchn_fifo_stale_page(XenEvtchn *e, XenEvtchnVcpu *v,
                                             uint32_t port, unsigned priority)
{
    XenEvtchnPage *tail_page;
    uint32_t tail = v->tail[priority];

    if (evtchn_page_is_stale(&v->control)) {
        return &v->control;
    }
    if (evtchn_page_is_stale(&v->info)) {
        return &v->info;
    }
    if (tail && tail != port && !evtchn_fifo_word(e, tail, &tail_page)) {
        return tail_page;
    }
    return NULL;
}

/* Puts a port, which has just become LINKED, on the queue it belongs to. */
static void evtchn_fifo_enqueue(XenEvtchn *e, const XenEvtchnHeld *held,
                                XenEvtchnPort *p, uint32_t port,
                                XenEvtchnFrame *f)
{
    XenEvtchnVcpu *v = held->v;
    XenEvtchnStats *st = &v->stats[p->kind];
    XenEvtchnRoute r = evtchn_route(p);
    struct evtchn_fifo_control_block *cb;
    XenEvtchnPage *page;
    uint32_t *tail_word = NULL;
    uint32_t *old_tail = &held->q->tail[r.queue_priority];

    evtchn_count_delivery(st, f);
    if (*old_tail == port) {
        *old_tail = 0;
    }
    if (r.queue_vcpu != r.vcpu || r.queue_priority != r.priority) {
        r.queue_vcpu = r.vcpu;
        r.queue_priority = r.priority;
        evtchn_set_route(p, r);
    }

    if (v->tail[r.priority]) {
        tail_word = evtchn_fifo_word(e, v->tail[r.priority], &page);
    }
    v->tail[r.priority] = port;
    if (tail_word && evtchn_fifo_link_behind(tail_word, port)) {
        st->upcalls_saved++;
        return;
    }
    cb = xen_guest_page_check(&v->control.page);
    __atomic_store_n(&cb->head[r.priority], port, __ATOMIC_RELEASE);
    if (__atomic_fetch_or(&cb->ready, 1u << r.priority, __ATOMIC_SEQ_CST) &
        1u << r.priority) {
        st->upcalls_saved++;
    } else {
        evtchn_set_upcall(v, st, f);
    }
}

/*
 * The common case: a word that is not PENDING, MASKED or LINKED becomes PENDING
 * and LINKED in one step.  Returns false, with the word unchanged, if it is in
 * another state.
 */
static inline bool evtchn_fifo_link_idle(uint32_t *word)
{
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    return !(old & (EVTCHN_PENDING | EVTCHN_MASKED | EVTCHN_LINKED |
                    EVTCHN_LINK_MASK)) &&
           __atomic_compare_exchange_n(word, &old,
                                       old | EVTCHN_PENDING | EVTCHN_LINKED,
                                       false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/*
 * Applies @event to the word, whose old value is stored in *old.  Returns
 * whether the port now belongs on a queue.
 */
static bool evtchn_fifo_change_word(XenEvtchnPort *p, XenEvtchnStats *st,
                                    uint32_t *word, XenEvtchnEvent event,
                                    uint32_t *old, XenEvtchnFrame *f)
{
    switch (event) {
    case EVTCHN_RAISE:
        *old = __atomic_fetch_or(word, EVTCHN_PENDING, __ATOMIC_SEQ_CST);
        if (*old & EVTCHN_PENDING) {
            st->already_pending++;
        } else {
            f->wake = p->pollers;
            st->masked += !!(*old & EVTCHN_MASKED);
        }
        return !(*old & EVTCHN_MASKED);
    case EVTCHN_UNMASK:
        *old = __atomic_fetch_and(word, ~EVTCHN_MASKED, __ATOMIC_SEQ_CST);
        return *old & EVTCHN_PENDING;
    case EVTCHN_RENOTIFY:
        *old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
        return (*old & (EVTCHN_PENDING | EVTCHN_MASKED)) == EVTCHN_PENDING;
    }
    g_assert_not_reached();
}

/* @event made a port deliverable that was not when its word was @old. */
static inline bool evtchn_fifo_is_news(uint32_t old, XenEvtchnEvent event)
{
    return (event == EVTCHN_RAISE && !(old & EVTCHN_PENDING)) ||
           (event == EVTCHN_UNMASK && (old & EVTCHN_MASKED));
}

/*
 * Applies what was parked while there was no page, then @event, to the word.
 * Returns what is left to do: to notify the guest if need be, whatever @event
 * was.
 */
static XenEvtchnEvent evtchn_fifo_catch_up(uint32_t *word,
                                           XenEvtchnEvent event,
                                           unsigned parked)
{
    if (event == EVTCHN_UNMASK || parked & EVTCHN_PARKED_UNMASK) {
        __atomic_fetch_and(word, ~EVTCHN_MASKED, __ATOMIC_SEQ_CST);
    }
    if (event == EVTCHN_RAISE || parked & EVTCHN_PARKED_EVENT) {
        __atomic_fetch_or(word, EVTCHN_PENDING, __ATOMIC_SEQ_CST);
    }
    return EVTCHN_RENOTIFY;
}

static int evtchn_fifo_deliver(XenEvtchn *e, const XenEvtchnHeld *held,
                               XenEvtchnPort *p, uint32_t port,
                               XenEvtchnEvent event, XenEvtchnFrame *f)
{
    XenEvtchnVcpu *v = held->v;
    XenEvtchnStats *st = &v->stats[p->kind];
    XenEvtchnPage *page, *stale;
    uint32_t *word = evtchn_fifo_word(e, port, &page);
    bool has_control;
    uint32_t old;

    f->port = port;
    stale = word ? evtchn_fifo_stale_page(e, v, port, evtchn_route(p).priority)
                 : page;
    if (evtchn_unlikely(stale && !f->park)) {
        st->would_block += !f->slow;
        f->stale = stale;
        return -EWOULDBLOCK;
    }
    if (evtchn_unlikely(!word)) {
        /* As in Xen, unmasking has no effect without an array page. */
        if (event == EVTCHN_RAISE || (event == EVTCHN_UNMASK && page)) {
            evtchn_park(e, held, p, event);
            f->wake = p->pollers;
        }
        return 0;
    }
    if (evtchn_unlikely(p->parked)) {
        event = evtchn_fifo_catch_up(word, event, evtchn_unpark(e, p));
        f->wake = p->pollers;
    }
    has_control = !stale && xen_guest_page_check(&v->control.page);
    if (event == EVTCHN_RAISE && evtchn_likely(has_control) &&
        evtchn_fifo_link_idle(word)) {
        f->wake = p->pollers;
        evtchn_fifo_enqueue(e, held, p, port, f);
        return 0;
    }
    if (!evtchn_fifo_change_word(p, st, word, event, &old, f)) {
        return 0;
    }
    if (evtchn_unlikely(!has_control)) {
        /* Linked once there is a control block. */
        evtchn_park(e, held, p, EVTCHN_RAISE);
        return 0;
    }
    if (old & EVTCHN_LINKED) {
        /* The guest will see the event when it unlinks the port. */
        if (evtchn_fifo_is_news(old, event)) {
            evtchn_count_delivery(st, f);
            st->upcalls_saved++;
        }
        return 0;
    }
    if (evtchn_unlikely(old & EVTCHN_LINK_MASK)) {
        /* LINK means nothing without LINKED; the guest did not clear it. */
        __atomic_fetch_and(word, ~EVTCHN_LINK_MASK, __ATOMIC_SEQ_CST);
    }
    old = __atomic_fetch_or(word, EVTCHN_LINKED, __ATOMIC_SEQ_CST);
    if (evtchn_unlikely(old & EVTCHN_LINKED)) {
        /* The guest set LINKED, which it must not: the port is not queued. */
        return 0;
    }
    evtchn_fifo_enqueue(e, held, p, port, f);
    return 0;
}

static uint32_t evtchn_fifo_peek(XenEvtchn *e, uint32_t port,
                                 XenEvtchnPage **stale)
{
    XenEvtchnPage *page;
    uint32_t *word = evtchn_fifo_word(e, port, &page);

    if (!word) {
        if (page) {
            *stale = page;
        }
        return 0;
    }
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static bool evtchn_fifo_clear_pending(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPage *page;
    uint32_t *word = evtchn_fifo_word(e, port, &page);

    /* It may still be linked: the guest drops a port that is not pending. */
    return word && __atomic_fetch_and(word, ~EVTCHN_PENDING,
                                      __ATOMIC_SEQ_CST) & EVTCHN_PENDING;
}

const XenEvtchnAbiOps evtchn_abi_fifo = {
    .abi = XEN_EVTCHN_ABI_FIFO,
    .port_limit = evtchn_fifo_port_limit,
    .deliver = evtchn_fifo_deliver,
    .peek = evtchn_fifo_peek,
    .clear_pending = evtchn_fifo_clear_pending,
};
