/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: SCHEDOP_poll. */
#include "evtchn-guest.h"

static EvtchnGuest *poll_guest(gconstpointer fifo)
{
    EvtchnGuest *g = evtchn_guest_new(4, true);

    if (GPOINTER_TO_INT(fifo)) {
        evtchn_guest_use_fifo(g, 1);
    }
    return g;
}

static void test_woken_by_exactly_that(gconstpointer data)
{
    EvtchnGuest *g = poll_guest(data);
    uint32_t ports[3];

    for (unsigned i = 0; i < 3; i++) {
        ports[i] = evtchn_guest_bind_ipi(g, 0);
        evtchn_guest_mask(g, ports[i]);
    }
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, 1), ==, 0);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 2, ports + 1, 2), ==, 0);

    xen_evtchn_send_fast(g->e, ports[2]);
    g_assert_cmpuint(g->vcpu[2].wakes, ==, 1);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 0);
    g_assert_true(xen_evtchn_poll_woken(g->e, 2));
    g_assert_false(xen_evtchn_poll_woken(g->e, 1));
    xen_evtchn_poll_end(g->e, 2);

    /* No vCPU polls it any more. */
    xen_evtchn_send_fast(g->e, ports[1]);
    g_assert_cmpuint(g->vcpu[2].wakes, ==, 1);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 0);

    xen_evtchn_send_fast(g->e, ports[0]);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 1);
    xen_evtchn_poll_end(g->e, 1);
    xen_evtchn_poll_end(g->e, 1);
    g_assert_cmpuint(g->vcpu[0].wakes, ==, 0);
    evtchn_guest_free(g);
}

static void test_pending_already(gconstpointer data)
{
    EvtchnGuest *g = poll_guest(data);
    uint32_t ports[2] = { evtchn_guest_bind_ipi(g, 0),
                          evtchn_guest_bind_ipi(g, 0) };

    evtchn_guest_mask(g, ports[1]);
    xen_evtchn_send_fast(g->e, ports[1]);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, 2), ==, 1);
    /* It is not a poller now, and can become one again immediately. */
    evtchn_guest_clear_pending(g, ports[1]);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, 2), ==, 0);
    xen_evtchn_send_fast(g->e, ports[0]);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 1);
    xen_evtchn_poll_end(g->e, 1);
    evtchn_guest_free(g);
}

/* Two vCPUs poll one port, which one of them names twice. */
static void test_shared_port(gconstpointer data)
{
    EvtchnGuest *g = poll_guest(data);
    uint32_t port = evtchn_guest_bind_ipi(g, 0);
    uint32_t twice[2] = { port, port };

    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, twice, 2), ==, 0);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 2, &port, 1), ==, 0);
    xen_evtchn_poll_end(g->e, 1);
    xen_evtchn_send_fast(g->e, port);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 0);
    g_assert_cmpuint(g->vcpu[2].wakes, ==, 1);
    xen_evtchn_poll_end(g->e, 2);
    evtchn_guest_free(g);
}

static void test_errors(gconstpointer data)
{
    EvtchnGuest *g = poll_guest(data);
    uint32_t ports[XEN_EVTCHN_MAX_POLL + 1];
    uint32_t port = evtchn_guest_bind_ipi(g, 0);
    const uint32_t bad[] = { 0, port + 1, 4095, 1u << 17, UINT32_MAX };

    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        ports[i] = port;
    }
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports,
                                          XEN_EVTCHN_MAX_POLL + 1), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, UINT_MAX), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports,
                                          XEN_EVTCHN_MAX_POLL), ==, 0);
    xen_evtchn_poll_end(g->e, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        ports[1] = bad[i];
        g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, 2), ==,
                        -EINVAL);
    }
    /* It is not registered as a poller of any port. */
    xen_evtchn_send_fast(g->e, port);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 0);
    /* A pending port is found before an invalid one that follows. */
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, 2), ==, 1);
    ports[0] = bad[0];
    ports[1] = port;
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, ports, 2), ==, -EINVAL);

    /* No ports: only the timeout ends it. */
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, NULL, 0), ==, 0);
    g_assert_false(xen_evtchn_poll_woken(g->e, 1));
    xen_evtchn_poll_end(g->e, 1);
    evtchn_guest_free(g);
}

/* The pending bit of a closed port is ignored; it cannot be polled. */
static void test_closed(gconstpointer data)
{
    bool fifo = GPOINTER_TO_INT(data);
    EvtchnGuest *g = poll_guest(data);
    uint32_t port = evtchn_guest_bind_ipi(g, 0) + 1;
    uint8_t *shared = evtchn_guest_frame(g, GUEST_GFN_SHARED);

    if (fifo) {
        *evtchn_guest_word(g, port) = 1u << EVTCHN_FIFO_PENDING;
    } else {
        shared[2048] |= 1 << port;
    }
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, &port, 1), ==, -EINVAL);
    g_assert_true(evtchn_guest_clear_pending(g, port));
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, port);
    xen_evtchn_send_fast(g->e, port);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 0);
    evtchn_guest_free(g);
}

/* A moved port keeps its pollers; poll_end copes with one that was closed. */
static void test_move_and_close(gconstpointer data)
{
    EvtchnGuest *g = poll_guest(data);
    uint32_t port = evtchn_guest_alloc_unbound(g, DOMID_SELF);
    uint32_t sender = evtchn_guest_bind_loopback(g, port);

    evtchn_guest_mask(g, port);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 3, &port, 1), ==, 0);
    evtchn_guest_bind_vcpu(g, port, 2);
    xen_evtchn_send_fast(g->e, sender);
    g_assert_cmpuint(g->vcpu[3].wakes, ==, 1);
    xen_evtchn_poll_end(g->e, 3);

    evtchn_guest_clear_pending(g, port);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 3, &port, 1), ==, 0);
    g_assert_cmpint(xen_evtchn_close(g->e, port), ==, 0);
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, port);
    xen_evtchn_poll_end(g->e, 3);
    xen_evtchn_send_fast(g->e, port);
    g_assert_cmpuint(g->vcpu[3].wakes, ==, 1);
    evtchn_guest_free(g);
}

/* A parked event counts as pending, and wakes pollers. */
static void test_parked(gconstpointer data)
{
    bool fifo = GPOINTER_TO_INT(data);
    EvtchnGuest *g = poll_guest(data);
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    evtchn_guest_remove_frame(g, fifo ? GUEST_GFN_ARRAY : GUEST_GFN_INFO);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, &port, 1), ==, 0);
    xen_evtchn_send(g->e, port);
    g_assert_cmpuint(g->vcpu[1].wakes, ==, 1);
    xen_evtchn_poll_end(g->e, 1);
    g_assert_cmpint(xen_evtchn_poll_begin(g->e, 1, &port, 1), ==, 1);
    evtchn_guest_free(g);
}

/* ---------------------------------------------------------- two threads */

#define ROUNDS  20000

typedef struct Race {
    EvtchnGuest *g;
    uint32_t port;
    unsigned sent, done;
} Race;

static gpointer sender_thread(gpointer opaque)
{
    Race *r = opaque;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (__atomic_load_n(&r->done, __ATOMIC_SEQ_CST) != i - 1) {
            g_thread_yield();
        }
        xen_evtchn_send_fast(r->g->e, r->port);
        __atomic_store_n(&r->sent, i, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/*
 * An event that is sent while a vCPU is about to block is either found by begin
 * or wakes the vCPU; if neither happens, it is lost.
 */
static void test_race(gconstpointer data)
{
    EvtchnGuest *g = poll_guest(data);
    Race r = { .g = g, .port = evtchn_guest_bind_ipi(g, 0) };
    GThread *thread;

    evtchn_guest_mask(g, r.port);
    thread = g_thread_new("sender", sender_thread, &r);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        unsigned before = __atomic_load_n(&g->vcpu[1].wakes,
                                          __ATOMIC_SEQ_CST);

        if (xen_evtchn_poll_begin(g->e, 1, &r.port, 1) == 0) {
            while (__atomic_load_n(&r.sent, __ATOMIC_SEQ_CST) != i) {
                g_thread_yield();
            }
            g_assert_true(xen_evtchn_poll_woken(g->e, 1));
            g_assert_cmpuint(__atomic_load_n(&g->vcpu[1].wakes,
                                             __ATOMIC_SEQ_CST), ==,
                             before + 1);
            xen_evtchn_poll_end(g->e, 1);
        } else {
            while (__atomic_load_n(&r.sent, __ATOMIC_SEQ_CST) != i) {
                g_thread_yield();
            }
        }
        evtchn_guest_clear_pending(g, r.port);
        __atomic_store_n(&r.done, i, __ATOMIC_SEQ_CST);
    }
    g_thread_join(thread);
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    static const char *const variants[] = { "2l", "fifo" };
    static const EvtchnTest tests[] = {
        { "woken-by-exactly-that", test_woken_by_exactly_that },
        { "pending-already", test_pending_already },
        { "shared-port", test_shared_port },
        { "errors", test_errors },
        { "closed", test_closed },
        { "move-and-close", test_move_and_close },
        { "parked", test_parked },
        { "race", test_race },
    };

    g_test_init(&argc, &argv, NULL);
    evtchn_guest_add_tests("/evtchn/poll", variants, tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
