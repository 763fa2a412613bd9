/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FIFO ABI: a word a port, 16 queues a vCPU linked through the words
 *
 * What the guest may do to a word at any time: set and clear MASKED, clear
 * PENDING, and, to take the port off the front of its queue, clear LINKED and
 * LINK in one step.  Only we set PENDING, LINKED and LINK, with the lock of
 * the port's vCPU and of its queue's vCPU.  So:
 *
 *  - a word seen not LINKED stays so while those locks are held;
 *  - the tail of a queue, if still LINKED, has LINK 0, and setting LINK is an
 *    OR.  If LINKED was there when the OR happened, the guest finds our port
 *    when it takes the tail off.  If it was not, the guest had emptied the
 *    queue: our port is the new head.  No loop, hence nothing to give up and
 *    no use for the BUSY bit, which lets an implementation that loops stop
 *    the guest from toggling MASKED meanwhile;
 *  - `tail` must be forgotten before its port is linked on another queue, or
 *    it would look LINKED to the next sender on the old one.
 *
 * READY is set only for a new head and after it: a guest that sees the bit
 * must find the head.  For a port linked behind a tail nobody need be told:
 * the guest has not emptied that queue yet.
 */
#include "abi.h"
#include "pages.h"
#include "parked.h"

/* The same for both layouts. */
static uint32_t evtchn_fifo_port_limit(const XenGuestLayout *layout)
{
    return EVTCHN_MAX_PORTS;
}

/* Where @port's word is; NULL with *page NULL: its page was never added. */
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
 * Links @port behind the tail with word @word.  false: the queue is empty,
 * nothing is left of the attempt.
 */
static bool evtchn_fifo_link_behind(uint32_t *word, uint32_t port)
{
    uint32_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    if (!(old & EVTCHN_LINKED)) {
        return false;
    }
    if (old & EVTCHN_LINK_MASK) {
        /* The guest scribbled on it; whatever it linked there is lost to it. */
        __atomic_fetch_and(word, ~EVTCHN_LINK_MASK, __ATOMIC_SEQ_CST);
    }
    old = __atomic_fetch_or(word, port, __ATOMIC_SEQ_CST);
    if (old & EVTCHN_LINKED) {
        return true;
    }
    /* Unlinked in between.  Nobody follows the LINK of such a word. */
    __atomic_fetch_and(word, ~EVTCHN_LINK_MASK, __ATOMIC_SEQ_CST);
    return false;
}

/* Pages that linking @port on @v's queue @priority needs; NULL: all there. */
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

/* Puts a port that we have just made LINKED on the queue it belongs to. */
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
 * PENDING and LINKED in one step, for a word that is neither, nor masked: the
 * state in which most events find it.
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
 * Does @event to the word and says whether the port is now one that belongs
 * on a queue.
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

/* @event made a port deliverable that was not so when its word was @old. */
static inline bool evtchn_fifo_is_news(uint32_t old, XenEvtchnEvent event)
{
    return (event == EVTCHN_RAISE && !(old & EVTCHN_PENDING)) ||
           (event == EVTCHN_UNMASK && (old & EVTCHN_MASKED));
}

/*
 * Does what was to be done while the word was not there, and @event.  What
 * remains is to tell the guest: all three come to the same then.
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
        /* A word that never was has no mask bit: as in Xen, no effect. */
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
        /* Pending it is; linked it will be when the control block is there. */
        evtchn_park(e, held, p, EVTCHN_RAISE);
        return 0;
    }
    if (old & EVTCHN_LINKED) {
        /* The guest has yet to take it off its queue, and will see it then. */
        if (evtchn_fifo_is_news(old, event)) {
            evtchn_count_delivery(st, f);
            st->upcalls_saved++;
        }
        return 0;
    }
    if (evtchn_unlikely(old & EVTCHN_LINK_MASK)) {
        /* Not LINKED, so this is no link: the guest did not clear it. */
        __atomic_fetch_and(word, ~EVTCHN_LINK_MASK, __ATOMIC_SEQ_CST);
    }
    old = __atomic_fetch_or(word, EVTCHN_LINKED, __ATOMIC_SEQ_CST);
    if (evtchn_unlikely(old & EVTCHN_LINKED)) {
        /* The guest set what only we may set; so it shall be. */
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

    /* Still linked, maybe: the guest drops what it finds not pending. */
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
