/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: QEMU's side of inter-domain channels. */
#include "evtchn-guest.h"

static void test_both_ways(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t port = evtchn_guest_alloc_unbound(g, 0);
    int cookie;
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, &cookie);

    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpuint(g->signals, ==, 0);
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, -ENOTCONN);

    /* Signalled immediately: the guest may have sent before. */
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, port), ==, 1);
    g_assert_cmpuint(g->signals, ==, 1);
    g_assert_true(g->last_cookie == &cookie);
    g_assert_cmpuint(xen_evtchn_backend_port(be), ==, 1);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(be), ==, port);

    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_cmpuint(g->signals, ==, 2);
    g_assert_false(evtchn_guest_pending(g, port));
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    g_assert_cmpuint(g->seen[port], ==, 1);

    xen_evtchn_backend_free(be);
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpuint(g->signals, ==, 2);
    evtchn_guest_free(g);
}

static void test_bind_errors(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t port = evtchn_guest_alloc_unbound(g, 0);
    uint32_t other = evtchn_guest_alloc_unbound(g, 0);
    uint32_t own = evtchn_guest_alloc_unbound(g, DOMID_SELF);
    uint32_t ipi = evtchn_guest_bind_ipi(g, 0);
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, NULL);
    XenEvtchnBackend *late = xen_evtchn_backend_new(g->e, NULL);

    g_assert_cmpint(xen_evtchn_backend_bind(be, 5, port), ==, -ESRCH);
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, 0), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, 900), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, own), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, ipi), ==,
                    -EINVAL);
    g_assert_cmpuint(xen_evtchn_backend_port(be), ==, 0);

    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, port), ==, 1);
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, other), ==,
                    -EBUSY);
    g_assert_cmpint(xen_evtchn_backend_bind(late, GUEST_DOMID, port), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_backend_unbind(be, 2), ==, -EINVAL);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(be), ==, port);
    g_assert_cmpint(xen_evtchn_backend_unbind(be, 1), ==, 0);
    g_assert_cmpint(xen_evtchn_backend_unbind(be, 0), ==, 0);
    g_assert_cmpint(xen_evtchn_backend_bind(late, GUEST_DOMID, port), ==, 1);
    xen_evtchn_backend_free(be);
    xen_evtchn_backend_free(late);
    evtchn_guest_free(g);
}

/* The guest closes its end: the back end's stays, and can be bound to. */
static void test_guest_reconnects(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t port = evtchn_guest_alloc_unbound(g, 0);
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, NULL);
    struct evtchn_bind_interdomain op = { .remote_dom = 0 };

    op.remote_port = xen_evtchn_backend_bind(be, GUEST_DOMID, port);
    g_assert_cmpint(xen_evtchn_bind_interdomain(g->e, &op), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_close(g->e, port), ==, 0);
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, -ENOTCONN);
    g_assert_cmpuint(xen_evtchn_backend_port(be), ==, op.remote_port);

    g_assert_cmpint(xen_evtchn_bind_interdomain(g->e, &op), ==, 0);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(be), ==, op.local_port);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    xen_evtchn_backend_free(be);
    g_assert_cmpint(xen_evtchn_bind_interdomain(g->e, &op), ==, -EINVAL);
    evtchn_guest_free(g);
}

static void test_numbers_run_out(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    XenEvtchnBackend *be[4096];
    uint32_t port;

    evtchn_guest_use_fifo(g, 8);
    for (unsigned i = 1; i < 4096; i++) {
        port = evtchn_guest_alloc_unbound(g, 0);
        be[i] = xen_evtchn_backend_new(g->e, NULL);
        g_assert_cmpint(xen_evtchn_backend_bind(be[i], GUEST_DOMID, port), ==,
                        i);
    }
    port = evtchn_guest_alloc_unbound(g, 0);
    be[0] = xen_evtchn_backend_new(g->e, NULL);
    g_assert_cmpint(xen_evtchn_backend_bind(be[0], GUEST_DOMID, port), ==,
                    -ENOSPC);
    xen_evtchn_backend_free(be[1234]);
    g_assert_cmpint(xen_evtchn_backend_bind(be[0], GUEST_DOMID, port), ==,
                    1234);
    for (unsigned i = 0; i < 4096; i++) {
        if (i != 1234) {
            xen_evtchn_backend_free(be[i]);
        }
    }
    evtchn_guest_free(g);
}

/* The guest's end is on a vCPU with a stale page: the event still arrives. */
static void test_notify_blocks(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t port = evtchn_guest_alloc_unbound(g, 0);
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, NULL);

    xen_evtchn_backend_bind(be, GUEST_DOMID, port);
    xen_page_cache_invalidate(&g->pages, evtchn_guest_gpa(GUEST_GFN_INFO), 1);
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    xen_evtchn_backend_free(be);
    evtchn_guest_free(g);
}

/* A back end survives a reset of the guest's ports. */
static void test_survives_reset(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t port = evtchn_guest_alloc_unbound(g, 0);
    XenEvtchnBackend *be = xen_evtchn_backend_new(g->e, NULL);

    xen_evtchn_backend_bind(be, GUEST_DOMID, port);
    g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(be), ==, 0);
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, -ENOTCONN);
    port = evtchn_guest_alloc_unbound(g, 0);
    g_assert_cmpint(xen_evtchn_backend_bind(be, GUEST_DOMID, port), ==, 1);
    g_assert_cmpint(xen_evtchn_backend_notify(be), ==, 0);
    g_assert_true(evtchn_guest_pending(g, port));
    xen_evtchn_backend_free(be);
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evtchn/backend/both-ways", test_both_ways);
    g_test_add_func("/evtchn/backend/bind-errors", test_bind_errors);
    g_test_add_func("/evtchn/backend/guest-reconnects",
                    test_guest_reconnects);
    g_test_add_func("/evtchn/backend/numbers-run-out", test_numbers_run_out);
    g_test_add_func("/evtchn/backend/notify-blocks", test_notify_blocks);
    g_test_add_func("/evtchn/backend/survives-reset", test_survives_reset);
    return g_test_run();
}
