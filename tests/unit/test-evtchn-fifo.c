/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: the FIFO ABI. */
#include "evtchn-guest.h"

#define PENDING     (1u << EVTCHN_FIFO_PENDING)
#define MASKED      (1u << EVTCHN_FIFO_MASKED)
#define LINKED      (1u << EVTCHN_FIFO_LINKED)
#define BUSY        (1u << EVTCHN_FIFO_BUSY)

static EvtchnGuest *fifo_guest(unsigned nr_vcpus, unsigned nr_pages)
{
    EvtchnGuest *g = evtchn_guest_new(nr_vcpus, true);

    evtchn_guest_use_fifo(g, nr_pages);
    return g;
}

static void must_send(EvtchnGuest *g, uint32_t port)
{
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
}

/* The events that a vCPU must handle, in this order. */
typedef struct Order {
    const uint32_t *ports;
    unsigned n;
} Order;

static void check_order(EvtchnGuest *g, unsigned vcpu, uint32_t port,
                        void *opaque)
{
    Order *order = opaque;

    g_assert_cmpuint(order->n, >, 0);
    g_assert_cmpuint(port, ==, *order->ports);
    order->ports++;
    order->n--;
}

#define assert_handles(g, vcpu, ...) \
    do { \
        const uint32_t want_[] = { __VA_ARGS__ }; \
        Order order_ = { want_, G_N_ELEMENTS(want_) }; \
        evtchn_guest_handle(g, vcpu, check_order, &order_); \
        g_assert_cmpuint(order_.n, ==, 0); \
    } while (0)

/* A port that may change its vCPU: the receiving end of a loop-back pair. */
static uint32_t movable(EvtchnGuest *g, uint32_t *sender)
{
    uint32_t port = evtchn_guest_alloc_unbound(g, DOMID_SELF);

    *sender = evtchn_guest_bind_loopback(g, port);
    evtchn_guest_clear_pending(g, *sender);
    evtchn_guest_handle(g, 0, NULL, NULL);
    return port;
}

static void test_word(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, 0);

    must_send(g, a);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED);
    g_assert_cmpuint(cb->head[7], ==, a);
    g_assert_cmphex(cb->ready, ==, 1 << 7);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    g_assert_cmpuint(xen_evtchn_fifo_tail(g->e, 0, 7), ==, a);

    must_send(g, b);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED | b);
    g_assert_cmphex(*evtchn_guest_word(g, b), ==, PENDING | LINKED);
    g_assert_cmpuint(cb->head[7], ==, a);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);

    assert_handles(g, 0, a, b);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, 0);
    g_assert_cmphex(*evtchn_guest_word(g, b), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 0);
    evtchn_guest_free(g);
}

/* The highest priority first; each queue in the order of sending. */
static void test_priorities(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    uint32_t port[32], want[32];
    Order order = { want, 32 };

    for (unsigned i = 0; i < 32; i++) {
        port[i] = evtchn_guest_bind_ipi(g, 0);
        evtchn_guest_set_priority(g, port[i], 15 - i / 2);
        must_send(g, port[i]);
    }
    g_assert_cmphex(evtchn_guest_control(g, 0)->ready, ==, 0xffff);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmpuint(evtchn_guest_control(g, 0)->head[15 - i], ==,
                         port[2 * i]);
    }
    /* The consumer handles priority 0 before 15. */
    for (unsigned i = 0; i < 32; i += 2) {
        want[i] = port[30 - i];
        want[i + 1] = port[31 - i];
    }
    evtchn_guest_handle(g, 0, check_order, &order);
    g_assert_cmpuint(order.n, ==, 0);
    evtchn_guest_free(g);
}

static void test_every_port(void)
{
    EvtchnGuest *g = fifo_guest(2, 128);
    struct evtchn_expand_array more = { .array_gfn = GUEST_GFN_ARRAY };
    struct evtchn_bind_ipi op = { .vcpu = 0 };

    g_assert_cmpint(xen_evtchn_expand_array(g->e, &more), ==, -ENOSPC);
    for (uint32_t port = 1; port < GUEST_NR_PORTS; port++) {
        g_assert_cmpuint(evtchn_guest_bind_ipi(g, port & 1), ==, port);
    }
    g_assert_cmpint(xen_evtchn_bind_ipi(g->e, &op), ==, -ENOSPC);
    for (uint32_t port = 1; port < GUEST_NR_PORTS; port++) {
        must_send(g, port);
    }
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 65535);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 65536);
    for (uint32_t port = 1; port < GUEST_NR_PORTS; port++) {
        g_assert_cmpuint(g->seen[port], ==, 1);
    }
    evtchn_guest_free(g);
}

static void test_mask(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    evtchn_guest_mask(g, port);
    must_send(g, port);
    g_assert_cmphex(*evtchn_guest_word(g, port), ==, PENDING | MASKED);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 0);
    evtchn_guest_unmask(g, port);
    g_assert_cmphex(*evtchn_guest_word(g, port), ==, PENDING | LINKED);
    assert_handles(g, 0, port);

    /* Masked while linked: the guest unlinks it; unmasking links it again. */
    must_send(g, port);
    evtchn_guest_mask(g, port);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 0);
    g_assert_cmphex(*evtchn_guest_word(g, port), ==, PENDING | MASKED);
    evtchn_guest_unmask(g, port);
    assert_handles(g, 0, port);
    evtchn_guest_free(g);
}

/* In a queue that the guest has emptied the next port is the head. */
static void test_stale_tail(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);

    must_send(g, a);
    assert_handles(g, 0, a);
    g_assert_cmpuint(xen_evtchn_fifo_tail(g->e, 0, 7), ==, a);
    must_send(g, b);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, 0);
    g_assert_cmpuint(evtchn_guest_control(g, 0)->head[7], ==, b);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 2);
    assert_handles(g, 0, b);
    must_send(g, b);                        /* the old tail itself */
    g_assert_cmphex(*evtchn_guest_word(g, b), ==, PENDING | LINKED);
    g_assert_cmpuint(evtchn_guest_control(g, 0)->head[7], ==, b);
    assert_handles(g, 0, b);
    evtchn_guest_free(g);
}

/* READY and the upcall are set for a new head only. */
static void test_ready_for_new_head(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, 0);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);
    uint32_t c = evtchn_guest_bind_ipi(g, 0);

    must_send(g, a);
    /* The guest is in its handler and has only cleared READY yet. */
    cb->ready = 0;
    *(uint8_t *)xen_evtchn_peek_vcpu_info(g->e, 0) = 0;
    must_send(g, b);
    g_assert_cmphex(cb->ready, ==, 0);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);

    /* READY is still set: the guest needs no further upcall. */
    cb->ready = 1 << 3;
    evtchn_guest_set_priority(g, c, 3);
    must_send(g, c);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    evtchn_guest_free(g);
}

/* The tail of a queue that is linked on another must not stay the tail. */
static void test_tail_moves(bool by_priority)
{
    EvtchnGuest *g = fifo_guest(2, 1);
    uint32_t sender, a = movable(g, &sender);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);

    must_send(g, sender);
    assert_handles(g, 0, a);
    g_assert_cmpuint(xen_evtchn_fifo_tail(g->e, 0, 7), ==, a);
    if (by_priority) {
        evtchn_guest_set_priority(g, a, 3);
    } else {
        evtchn_guest_bind_vcpu(g, a, 1);
    }
    must_send(g, sender);
    must_send(g, b);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED);
    g_assert_cmpuint(evtchn_guest_control(g, 0)->head[7], ==, b);
    if (by_priority) {
        assert_handles(g, 0, a, b);
    } else {
        assert_handles(g, 0, b);
        assert_handles(g, 1, a);
    }
    evtchn_guest_free(g);
}

static void test_tail_changes_priority(void)
{
    test_tail_moves(true);
}

static void test_tail_changes_vcpu(void)
{
    test_tail_moves(false);
}

/*
 * A port that is moved while linked stays on its queue, and as that one's tail,
 * until the guest unlinks it; later events go to the new queue.
 */
static void test_move_linked(void)
{
    EvtchnGuest *g = fifo_guest(3, 1);
    uint32_t sender, a = movable(g, &sender);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);
    XenEvtchnPortInfo info;

    must_send(g, sender);
    evtchn_guest_bind_vcpu(g, a, 2);
    evtchn_guest_set_priority(g, a, 1);
    g_assert_true(xen_evtchn_port_info(g->e, a, &info));
    g_assert_true(info.linked);
    g_assert_cmpuint(info.vcpu, ==, 2);
    g_assert_cmpuint(info.queue_vcpu, ==, 0);
    g_assert_cmpuint(info.queue_priority, ==, 7);

    must_send(g, sender);                   /* linked already */
    must_send(g, b);                        /* linked behind it */
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED | b);
    g_assert_cmpuint(g->vcpu[2].upcalls, ==, 0);
    assert_handles(g, 0, a, b);

    must_send(g, sender);
    g_assert_cmpuint(evtchn_guest_control(g, 2)->head[1], ==, a);
    g_assert_cmpuint(g->vcpu[2].upcalls, ==, 1);
    g_assert_cmpuint(xen_evtchn_fifo_tail(g->e, 0, 7), ==, b);
    assert_handles(g, 2, a);
    g_assert_true(xen_evtchn_port_info(g->e, a, &info));
    g_assert_cmpuint(info.queue_vcpu, ==, 2);
    g_assert_cmpuint(info.queue_priority, ==, 1);
    evtchn_guest_free(g);
}

/* A pending port that the old vCPU unlinked, since masked, moves on. */
static void test_move_pending(void)
{
    EvtchnGuest *g = fifo_guest(2, 1);
    uint32_t sender, a = movable(g, &sender);

    evtchn_guest_mask(g, a);
    must_send(g, sender);
    evtchn_guest_bind_vcpu(g, a, 1);
    g_assert_cmpuint(g->vcpu[1].upcalls, ==, 0);
    evtchn_guest_unmask(g, a);
    assert_handles(g, 1, a);

    /* Unmasked, not linked, pending: unusual, but the event is not lost. */
    *evtchn_guest_word(g, a) = PENDING;
    evtchn_guest_bind_vcpu(g, a, 0);
    assert_handles(g, 0, a);
    evtchn_guest_free(g);
}

static void test_switch_keeps_pending(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 1);
    uint32_t c = evtchn_guest_bind_ipi(g, 1);
    unsigned before;

    must_send(g, a);
    must_send(g, b);
    for (unsigned i = 0; i < 2; i++) {
        *(uint8_t *)xen_evtchn_peek_vcpu_info(g->e, i) = 0;
    }
    evtchn_guest_use_fifo(g, 0);
    /* A handler that still reads 2-level bits must not see the event, too. */
    g->fifo = false;
    g_assert_false(evtchn_guest_clear_pending(g, b));
    g->fifo = true;
    must_send(g, c);                        /* no array yet */
    before = g->vcpu[0].upcalls + g->vcpu[1].upcalls;
    g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
    g_assert_cmpuint(g->vcpu[0].upcalls + g->vcpu[1].upcalls, ==, before + 2);
    assert_handles(g, 0, a);
    assert_handles(g, 1, b, c);
    evtchn_guest_free(g);
}

/* Events of a vCPU without a control block are parked until it has one. */
static void test_no_control_block(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    uint32_t a, b;

    g_assert_cmpint(evtchn_guest_init_control(g, 0), ==, 0);
    g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
    a = evtchn_guest_bind_ipi(g, 1);
    b = evtchn_guest_bind_ipi(g, 1);
    must_send(g, a);
    must_send(g, a);
    evtchn_guest_mask(g, b);
    must_send(g, b);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING);
    g_assert_cmpint(evtchn_guest_init_control(g, 1), ==, 0);
    assert_handles(g, 1, a);
    evtchn_guest_unmask(g, b);
    assert_handles(g, 1, b);
    evtchn_guest_free(g);
}

static void test_page_missing(gconstpointer data)
{
    unsigned gfn = GPOINTER_TO_INT(data);
    EvtchnGuest *g = fifo_guest(1, 2);
    uint32_t a = evtchn_guest_bind_ipi(g, 0), b;
    XenEvtchnStats stats;

    do {
        b = evtchn_guest_bind_ipi(g, 0);
    } while (b < 1024);

    /* The page is stale. */
    xen_page_cache_invalidate(&g->pages, evtchn_guest_gpa(gfn), 4096);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, a), ==, -EWOULDBLOCK);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, a), ==, 0);
    assert_handles(g, 0, a);

    /* The page is missing. */
    evtchn_guest_remove_frame(g, gfn);
    g_assert_cmpint(xen_evtchn_send(g->e, a), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, a), ==, 0);
    stats = evtchn_guest_stats(g, 0);
    g_assert_cmpuint(stats.parked, ==, 2);
    g_assert_cmphex(*evtchn_guest_word(g, a) & LINKED, ==, 0);
    evtchn_guest_add_frame(g, gfn);
    assert_handles(g, 0, a);
    must_send(g, a);
    must_send(g, b);
    assert_handles(g, 0, a, b);
    evtchn_guest_free(g);
}

/* The tail's word is on a page that is missing. */
static void test_tail_page_missing(void)
{
    EvtchnGuest *g = fifo_guest(1, 2);
    uint32_t a = evtchn_guest_bind_ipi(g, 0), b;

    do {
        b = evtchn_guest_bind_ipi(g, 0);
    } while (b < 1024);
    must_send(g, b);
    evtchn_guest_remove_frame(g, GUEST_GFN_ARRAY + 1);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, a), ==, -EWOULDBLOCK);
    g_assert_cmpint(xen_evtchn_send(g->e, a), ==, 0);
    evtchn_guest_add_frame(g, GUEST_GFN_ARRAY + 1);
    assert_handles(g, 0, b, a);
    evtchn_guest_free(g);
}

/* Unmasking takes effect, and loses no event, whichever page is missing. */
static void test_unmask_page_missing(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);

    evtchn_guest_mask(g, a);
    must_send(g, a);
    evtchn_guest_remove_frame(g, GUEST_GFN_CONTROL);
    g_assert_cmpint(xen_evtchn_unmask_fast(g->e, a), ==, -EWOULDBLOCK);
    g_assert_true(evtchn_guest_masked(g, a));
    g_assert_cmpint(xen_evtchn_unmask(g->e, a), ==, 0);
    g_assert_false(evtchn_guest_masked(g, a));
    evtchn_guest_add_frame(g, GUEST_GFN_CONTROL);
    assert_handles(g, 0, a);

    /* Unmasked while the word was missing. */
    evtchn_guest_mask(g, a);
    must_send(g, a);
    evtchn_guest_remove_frame(g, GUEST_GFN_ARRAY);
    g_assert_cmpint(xen_evtchn_unmask(g->e, a), ==, 0);
    evtchn_guest_add_frame(g, GUEST_GFN_ARRAY);
    g_assert_false(evtchn_guest_masked(g, a));
    assert_handles(g, 0, a);

    /* The same, with nothing pending: no event appears. */
    evtchn_guest_mask(g, a);
    evtchn_guest_remove_frame(g, GUEST_GFN_ARRAY);
    g_assert_cmpint(xen_evtchn_unmask(g->e, a), ==, 0);
    evtchn_guest_add_frame(g, GUEST_GFN_ARRAY);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, 0);

    /* Sent while the word was missing, unmasked before the replay. */
    evtchn_guest_mask(g, a);
    evtchn_guest_remove_frame(g, GUEST_GFN_ARRAY);
    g_assert_cmpint(xen_evtchn_send(g->e, a), ==, 0);
    g->absent[GUEST_GFN_ARRAY] = false;
    g_assert_cmpint(xen_evtchn_unmask(g->e, a), ==, 0);
    assert_handles(g, 0, a);
    evtchn_guest_free(g);
}

/* As in Xen, unmasking has no effect if the word's page was never added. */
static void test_unmask_no_page(void)
{
    EvtchnGuest *g = fifo_guest(1, 0);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);
    uint32_t *words = evtchn_guest_frame(g, GUEST_GFN_ARRAY);

    must_send(g, a);
    must_send(g, b);
    words[a] = MASKED;
    g_assert_cmpint(xen_evtchn_unmask_fast(g->e, a), ==, 0);
    g_assert_cmpint(xen_evtchn_unmask(g->e, b), ==, 0);
    g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
    g_assert_cmphex(words[a], ==, PENDING | MASKED);
    assert_handles(g, 0, b);
    evtchn_guest_unmask(g, a);
    assert_handles(g, 0, a);
    evtchn_guest_free(g);
}

/* Closing drops the event; the number is free once the port is unlinked. */
static void test_close_linked(void)
{
    EvtchnGuest *g = fifo_guest(2, 1);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);
    uint32_t c = evtchn_guest_bind_ipi(g, 0), d;

    must_send(g, a);
    must_send(g, b);
    must_send(g, c);
    g_assert_cmpint(xen_evtchn_close(g->e, b), ==, 0);
    g_assert_cmpint(xen_evtchn_close(g->e, a), ==, 0);
    d = evtchn_guest_bind_ipi(g, 1);
    g_assert_cmpuint(d, ==, c + 1);
    assert_handles(g, 0, c);
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 1), ==, a);
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 1), ==, b);
    must_send(g, a);
    must_send(g, b);
    assert_handles(g, 1, a, b);
    g_assert_cmpuint(xen_evtchn_nr_ports(g->e), ==, d + 1);
    evtchn_guest_free(g);
}

/* Invalid bits in words may delay an event, but do not lose it. */
static void test_invalid_words(void)
{
    EvtchnGuest *g = fifo_guest(1, 1);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);

    /* A LINK in a word that is not linked. */
    *evtchn_guest_word(g, a) = 77;
    must_send(g, a);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED);
    /* A LINK in the tail. */
    *evtchn_guest_word(g, a) |= 88;
    must_send(g, b);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED | b);
    assert_handles(g, 0, a, b);

    /* LINKED alone: PENDING is set, and delivered once LINKED is cleared. */
    *evtchn_guest_word(g, a) = LINKED;
    must_send(g, a);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED);
    *evtchn_guest_word(g, a) = PENDING;
    must_send(g, a);
    assert_handles(g, 0, a);

    /* BUSY is neither set nor checked. */
    *evtchn_guest_word(g, a) = BUSY;
    must_send(g, a);
    g_assert_cmphex(*evtchn_guest_word(g, a), ==, PENDING | LINKED | BUSY);
    evtchn_guest_free(g);
}

/* From FIFO by reset to 2-level, and to FIFO again with other pages. */
static void test_fifo_after_reset(void)
{
    EvtchnGuest *g = fifo_guest(2, 1);
    uint32_t a;

    for (unsigned i = 0; i < 600; i++) {
        must_send(g, evtchn_guest_bind_ipi(g, i & 1));
    }
    g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);
    g_assert_cmpint(g->pinned, ==, 2);
    memset(evtchn_guest_control(g, 0), 0, 4096);
    memset(evtchn_guest_control(g, 1), 0, 4096);
    memset(evtchn_guest_frame(g, GUEST_GFN_ARRAY), 0, 4096);
    for (unsigned i = 0; i < 2; i++) {
        g->vcpu[i].ready = 0;
        memset(g->vcpu[i].head, 0, sizeof(g->vcpu[i].head));
    }
    memset(xen_evtchn_peek_vcpu_info(g->e, 0), 0, 64);

    g->fifo = false;
    a = evtchn_guest_bind_ipi(g, 0);
    g_assert_cmpuint(a, ==, 1);
    must_send(g, a);
    assert_handles(g, 0, a);
    evtchn_guest_use_fifo(g, 1);
    g_assert_cmpuint(xen_evtchn_fifo_tail(g->e, 0, 7), ==, 0);
    must_send(g, a);
    assert_handles(g, 0, a);
    evtchn_guest_free(g);
}

/* KVM never delivers FIFO events, even if kernel delivery is on. */
static void test_not_by_kernel(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t a = evtchn_guest_bind_ipi(g, 0);

    xen_evtchn_set_kernel_delivery(g->e, true);
    evtchn_guest_use_fifo(g, 1);
    must_send(g, a);
    g_assert_cmpuint(g->vcpu[0].kernel, ==, 0);
    assert_handles(g, 0, a);
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evtchn/fifo/word", test_word);
    g_test_add_func("/evtchn/fifo/priorities", test_priorities);
    g_test_add_func("/evtchn/fifo/every-port", test_every_port);
    g_test_add_func("/evtchn/fifo/mask", test_mask);
    g_test_add_func("/evtchn/fifo/stale-tail", test_stale_tail);
    g_test_add_func("/evtchn/fifo/ready-for-new-head", test_ready_for_new_head);
    g_test_add_func("/evtchn/fifo/tail-changes-priority",
                    test_tail_changes_priority);
    g_test_add_func("/evtchn/fifo/tail-changes-vcpu", test_tail_changes_vcpu);
    g_test_add_func("/evtchn/fifo/move-linked", test_move_linked);
    g_test_add_func("/evtchn/fifo/move-pending", test_move_pending);
    g_test_add_func("/evtchn/fifo/switch-keeps-pending",
                    test_switch_keeps_pending);
    g_test_add_func("/evtchn/fifo/no-control-block", test_no_control_block);
    g_test_add_data_func("/evtchn/fifo/page-missing/vcpu-info",
                         GINT_TO_POINTER(GUEST_GFN_INFO), test_page_missing);
    g_test_add_data_func("/evtchn/fifo/page-missing/control",
                         GINT_TO_POINTER(GUEST_GFN_CONTROL),
                         test_page_missing);
    g_test_add_data_func("/evtchn/fifo/page-missing/array",
                         GINT_TO_POINTER(GUEST_GFN_ARRAY), test_page_missing);
    g_test_add_func("/evtchn/fifo/tail-page-missing", test_tail_page_missing);
    g_test_add_func("/evtchn/fifo/unmask-page-missing",
                    test_unmask_page_missing);
    g_test_add_func("/evtchn/fifo/unmask-no-page", test_unmask_no_page);
    g_test_add_func("/evtchn/fifo/close-linked", test_close_linked);
    g_test_add_func("/evtchn/fifo/invalid-words", test_invalid_words);
    g_test_add_func("/evtchn/fifo/after-reset", test_fifo_after_reset);
    g_test_add_func("/evtchn/fifo/not-by-kernel", test_not_by_kernel);
    return g_test_run();
}
