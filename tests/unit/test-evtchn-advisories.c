/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event-channel engine: regression tests for the bugs in Xen's security
 * advisories about event channels
 *
 * Those about ordering (340, 358, 359) need two threads, and are most thorough
 * when this file is built with ThreadSanitizer.
 */
#include "evtchn-guest.h"
#include "state.h"

static int init_control(EvtchnGuest *g, uint64_t gfn, uint32_t offset,
                        unsigned vcpu)
{
    struct evtchn_init_control op = {
        .control_gfn = gfn, .offset = offset, .vcpu = vcpu,
    };

    return xen_evtchn_init_control(g->e, &op);
}

/*
 * An event for a vCPU that has no FIFO control block, bound before the switch
 * to FIFO (a), or moved from such a vCPU (b).
 */
static void test_xsa_107(void)
{
    EvtchnGuest *g = evtchn_guest_new(3, true);
    uint32_t a = evtchn_guest_bind_ipi(g, 1);
    uint32_t b = evtchn_guest_alloc_unbound(g, DOMID_SELF);
    uint32_t sender = evtchn_guest_bind_loopback(g, b);

    evtchn_guest_handle(g, 0, NULL, NULL);
    g_assert_cmpint(evtchn_guest_init_control(g, 2), ==, 0);
    g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, a), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, sender), ==, 0);
    evtchn_guest_bind_vcpu(g, b, 2);
    g_assert_cmpuint(evtchn_guest_handle(g, 2, NULL, NULL), ==, 1);
    g_assert_cmpuint(g->seen[b], ==, 1);
    g_assert_cmpint(evtchn_guest_init_control(g, 1), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* A second init_control fails and does not affect the first one's page. */
static void test_xsa_188(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    uint32_t port = evtchn_guest_bind_ipi(g, 0);
    int pinned;

    evtchn_guest_use_fifo(g, 1);
    pinned = g->pinned;
    g_assert_cmpint(init_control(g, GUEST_GFN_CONTROL + 5, 0, 0), ==,
                    -EINVAL);
    g_assert_cmpint(init_control(g, 1u << 20, 0, 0), ==, -EINVAL);
    g_assert_cmpint(g->pinned, ==, pinned);
    g_assert_cmpuint(xen_evtchn_fifo_control_gpa(g->e, 0), ==,
                     evtchn_guest_gpa(GUEST_GFN_CONTROL));
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* The first init_control fails: the ABI stays 2-level, no page is pinned. */
static void test_xsa_188_first(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    g_assert_cmpint(init_control(g, 1u << 20, 0, 0), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_abi(g->e), ==, XEN_EVTCHN_ABI_2L);
    g_assert_cmpint(g->pinned, ==, 1);
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* SCHEDOP_poll of a port whose event array page was never added. */
static void test_xsa_221(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    evtchn_guest_use_fifo(g, 0);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, &port, 1), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 1);
    xen_evtchn_poll_end(g->e, 1);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, &port, 1), ==, 1);
    evtchn_guest_free(g);
}

/* No port beyond the ABI's limit is allocated. */
static void test_xsa_317(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF };
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct evtchn_bind_pirq pirq = { .pirq = 3 };
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    struct evtchn_bind_interdomain loop = { .remote_dom = DOMID_SELF,
                                            .remote_port = 1 };

    for (unsigned port = 1; port < 4096; port++) {
        evtchn_guest_alloc_unbound(g, DOMID_SELF);
    }
    g_assert_cmpint(xen_evtchn_alloc_unbound(g->e, &alloc), ==, -ENOSPC);
    g_assert_cmpint(xen_evtchn_bind_virq(g->e, &virq), ==, -ENOSPC);
    g_assert_cmpint(xen_evtchn_bind_pirq(g->e, &pirq), ==, -ENOSPC);
    g_assert_cmpint(xen_evtchn_bind_ipi(g->e, &ipi), ==, -ENOSPC);
    g_assert_cmpint(xen_evtchn_bind_interdomain(g->e, &loop), ==, -ENOSPC);
    g_assert_cmpuint(alloc.port | virq.port | pirq.port | ipi.port |
                     loop.local_port, ==, 0);
    /* Failed operations have left no VIRQ or PIRQ bound. */
    g_assert_cmpuint(xen_evtchn_virq_port(g->e, 0, VIRQ_TIMER), ==, 0);
    g_assert_cmpuint(xen_evtchn_pirq_port(g->e, 3), ==, 0);
    g_assert_cmpint(xen_evtchn_close(g->e, 2000), ==, 0);
    g_assert_cmpuint(evtchn_guest_bind_virq(g, 0, VIRQ_TIMER), ==, 2000);
    evtchn_guest_free(g);
}

/* A port above the 2-level range is invalid after a reset from FIFO. */
static void test_xsa_338(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, NULL);
    uint32_t high = 0, lone;
    XenEvtchnPortInfo info;

    evtchn_guest_use_fifo(g, 8);
    lone = evtchn_guest_alloc_unbound(g, DOMID_SELF);
    while (high < 5000) {
        high = evtchn_guest_alloc_unbound(g, 0);
    }
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, high), ==, 1);
    high = evtchn_guest_bind_loopback(g, lone);
    g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);

    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, -ENOTCONN);
    g_assert_cmpint(xen_evtchn_send(g->e, high), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_send(g->e, lone), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_close(g->e, high), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_unmask(g->e, high), ==, -EINVAL);
    g_assert_false(xen_evtchn_port_info(g->e, high, &info));
    xen_evtchn_backend_free(be);
    evtchn_guest_free(g);
}

/* ------------------------------------------------------ with two threads */

typedef struct Race {
    EvtchnGuest *g;
    bool stop;
    uint32_t last;              /* highest port that the sender tries */
    uint64_t sends;
} Race;

static gpointer sender_thread(gpointer opaque)
{
    Race *r = opaque;

    for (uint32_t port = 1; !__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST);
         port = port % r->last + 1) {
        int ret = xen_evtchn_send(r->g->e, port);

        g_assert_true(ret == 0 || ret == -EINVAL);
        r->sends++;
    }
    return NULL;
}

/* Buckets of ports are allocated while a sender looks ports up. */
static void test_xsa_340(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    Race r = { .g = g, .last = 4095 };
    GThread *thread = g_thread_new("sender", sender_thread, &r);
    XenEvtchnPortInfo info;

    for (unsigned port = 1; port < 4096; port++) {
        evtchn_guest_bind_ipi(g, port & 1);
        g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
        g_assert_true(xen_evtchn_port_info(g->e, port, &info));
        g_assert_true(info.pending);
        g_assert_cmpuint(info.vcpu, ==, port & 1);
    }
    __atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
    g_thread_join(thread);
    evtchn_guest_free(g);
}

/* A 32-bit guest has 1024 ports; bits of higher ones are other data. */
static void test_xsa_342(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    struct evtchn_bind_ipi op = { .vcpu = 0 };
    uint8_t *shared = evtchn_guest_frame(g, GUEST_GFN_SHARED);
    uint8_t before[4096];

    for (unsigned port = 1; port < 1500; port++) {
        evtchn_guest_bind_ipi(g, 0);
    }
    evtchn_guest_bind_virq(g, 0, VIRQ_TIMER);
    xen_evtchn_set_long_mode(g->e, false);
    memcpy(before, shared, sizeof(before));
    g_assert_cmpint(xen_evtchn_bind_ipi(g->e, &op), ==, -ENOSPC);
    g_assert_cmpint(xen_evtchn_send(g->e, 1024), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_send(g->e, 1499), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_unmask(g->e, 1499), ==, -EINVAL);
    /* Bound to a port that a 32-bit guest does not have. */
    g_assert_cmpint(xen_evtchn_raise_virq(g->e, 0, VIRQ_TIMER), ==, -ENOENT);
    g_assert_cmpmem(before, sizeof(before), shared, sizeof(before));
    g_assert_cmpint(xen_evtchn_send(g->e, 1023), ==, 0);
    g_assert_cmpuint(shared[2048 + 127] & 0x80, ==, 0x80);

    /* A reset closes them too. */
    g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);
    xen_evtchn_set_long_mode(g->e, true);
    g_assert_cmpuint(xen_evtchn_nr_ports(g->e), ==, 0);
    evtchn_guest_free(g);
}

/* Reset while others send, bind, and notify as a back end. */
static void test_xsa_343(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    Race r = { .g = g, .last = 64 };
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, NULL);
    GThread *thread;

    thread = g_thread_new("sender", sender_thread, &r);
    for (unsigned i = 0; i < 500; i++) {
        uint32_t port;

        g->fifo = false;
        if (i & 1) {
            evtchn_guest_use_fifo(g, 1);
        }
        port = evtchn_guest_alloc_unbound(g, 0);
        g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, port), >, 0);
        for (unsigned n = 0; n < 10; n++) {
            evtchn_guest_bind_ipi(g, n & 1);
            evtchn_guest_bind_loopback(g,
                evtchn_guest_alloc_unbound(g, DOMID_SELF));
            g_assert_cmpint(xen_evtchn_backend_notify(be), ==, 0);
        }
        g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);
        g_assert_cmpint(xen_evtchn_backend_notify(be), ==, -ENOTCONN);
        g_assert_cmpuint(xen_evtchn_nr_ports(g->e), ==, 0);
        memset(evtchn_guest_frame(g, GUEST_GFN_ARRAY), 0, 4096);
    }
    __atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
    g_thread_join(thread);
    xen_evtchn_backend_free(be);
    evtchn_guest_free(g);
}

/* How many ports are closed when the other thread calls and when it returns. */
#define CLOSED_WHEN_ASKED   1000

typedef struct Waits {
    EvtchnGuest *g;
    unsigned asking, closed, closed_at_answer;
} Waits;

static Waits *waits;

static gpointer asking_thread(gpointer opaque)
{
    Waits *w = opaque;
    XenEvtchnPortInfo info;

    while (__atomic_load_n(&w->closed, __ATOMIC_SEQ_CST) <
           CLOSED_WHEN_ASKED) {
        g_thread_yield();
    }
    __atomic_store_n(&w->asking, 1, __ATOMIC_SEQ_CST);
    xen_evtchn_port_info(w->g->e, GUEST_NR_PORTS - 1, &info);
    w->closed_at_answer = __atomic_load_n(&w->closed, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Called with the configuration lock for each port that is closed. */
static void count_closed(EvtchnGuest *g)
{
    unsigned closed = __atomic_add_fetch(&waits->closed, 1, __ATOMIC_SEQ_CST);

    while (closed == CLOSED_WHEN_ASKED &&
           !__atomic_load_n(&waits->asking, __ATOMIC_SEQ_CST)) {
        g_thread_yield();
    }
}

/* Other threads get the lock while 131,071 ports are being closed. */
static void test_xsa_344(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    Waits w = { .g = g };
    GThread *thread;

    evtchn_guest_use_fifo(g, 128);
    for (uint32_t port = 1; port < GUEST_NR_PORTS; port++) {
        evtchn_guest_bind_ipi(g, 0);
    }
    waits = &w;
    g->on_changed = count_closed;
    thread = g_thread_new("asking", asking_thread, &w);
    g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);
    g_thread_join(thread);
    g_assert_cmpuint(w.closed, ==, GUEST_NR_PORTS - 1);
    g_test_message("answered when %u were closed", w.closed_at_answer);
    g_assert_cmpuint(w.closed_at_answer, <, GUEST_NR_PORTS / 2);
    evtchn_guest_free(g);
}

/* A control block is set while others send to its vCPU. */
static void test_xsa_358(void)
{
    for (unsigned i = 0; i < 200; i++) {
        EvtchnGuest *g = evtchn_guest_new(2, true);
        uint32_t port = evtchn_guest_bind_ipi(g, 1);
        Race r = { .g = g, .last = port };
        GThread *thread;

        g_assert_cmpint(evtchn_guest_init_control(g, 0), ==, 0);
        g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
        thread = g_thread_new("sender", sender_thread, &r);
        g_thread_yield();
        g_assert_cmpint(evtchn_guest_init_control(g, 1), ==, 0);
        __atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
        g_thread_join(thread);
        if (r.sends) {
            g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 1);
        }
        evtchn_guest_free(g);
    }
}

/* The event array grows while others send to ports on the new page. */
static void test_xsa_359(void)
{
    for (unsigned i = 0; i < 100; i++) {
        EvtchnGuest *g = evtchn_guest_new(1, true);
        Race r = { .g = g };
        GThread *thread;
        unsigned n;

        evtchn_guest_use_fifo(g, 0);
        do {
            r.last = evtchn_guest_bind_ipi(g, 0);
        } while (r.last < 2048 + 64);
        thread = g_thread_new("sender", sender_thread, &r);
        for (unsigned page = 0; page < 3; page++) {
            g_thread_yield();
            g_assert_cmpint(evtchn_guest_expand_array(g, page), ==, 0);
        }
        __atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
        g_thread_join(thread);
        n = MIN(r.sends, r.last);
        g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, n);
        evtchn_guest_free(g);
    }
}

/* ------------------------------------------------- reset and FIFO set-up */

typedef struct Reset {
    EvtchnGuest *g;
    GThread *thread;
    uint64_t gpa;               /* the page whose set-up it comes into */
    bool done;                  /* atomic */
} Reset;

static Reset *reset;

static gpointer reset_thread(gpointer opaque)
{
    Reset *r = opaque;

    g_assert_cmpint(xen_evtchn_reset(r->g->e, DOMID_SELF), ==, 0);
    __atomic_store_n(&r->done, true, __ATOMIC_SEQ_CST);
    return NULL;
}

/* In the middle of a set-up.  The reset has to wait until that has ended. */
static void reset_now(EvtchnGuest *g, uint64_t gpa)
{
    if (gpa != reset->gpa || reset->thread) {
        return;
    }
    reset->thread = g_thread_new("reset", reset_thread, reset);
    while (!__atomic_load_n(&g->e->config_waiters, __ATOMIC_SEQ_CST)) {
        g_assert_false(__atomic_load_n(&reset->done, __ATOMIC_SEQ_CST));
        g_thread_yield();
    }
}

/* A reset while the array grows, or while the first control block is set. */
static void test_xsa_505(void)
{
    for (int step = 0; step < 2; step++) {
        EvtchnGuest *g = evtchn_guest_new(2, true);
        int pinned = g->pinned;
        Reset r = { .g = g };

        reset = &r;
        g->on_pin = reset_now;
        r.gpa = evtchn_guest_gpa(step ? GUEST_GFN_ARRAY + 1
                                      : GUEST_GFN_CONTROL);
        evtchn_guest_init_control(g, 0);
        if (step) {
            g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
            g_assert_cmpint(evtchn_guest_expand_array(g, 1), ==, 0);
        }
        g_thread_join(r.thread);
        /* Nothing of it is left. */
        g_assert_cmpint(xen_evtchn_abi(g->e), ==, XEN_EVTCHN_ABI_2L);
        g_assert_cmpuint(xen_evtchn_fifo_nr_array_pages(g->e), ==, 0);
        g_assert_cmpint(g->pinned, ==, pinned);
        evtchn_guest_free(g);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evtchn/advisories/xsa-107", test_xsa_107);
    g_test_add_func("/evtchn/advisories/xsa-188", test_xsa_188);
    g_test_add_func("/evtchn/advisories/xsa-188/first", test_xsa_188_first);
    g_test_add_func("/evtchn/advisories/xsa-221", test_xsa_221);
    g_test_add_func("/evtchn/advisories/xsa-317", test_xsa_317);
    g_test_add_func("/evtchn/advisories/xsa-338", test_xsa_338);
    g_test_add_func("/evtchn/advisories/xsa-340", test_xsa_340);
    g_test_add_func("/evtchn/advisories/xsa-342", test_xsa_342);
    g_test_add_func("/evtchn/advisories/xsa-343", test_xsa_343);
    g_test_add_func("/evtchn/advisories/xsa-344", test_xsa_344);
    g_test_add_func("/evtchn/advisories/xsa-358", test_xsa_358);
    g_test_add_func("/evtchn/advisories/xsa-359", test_xsa_359);
    g_test_add_func("/evtchn/advisories/xsa-505", test_xsa_505);
    return g_test_run();
}
