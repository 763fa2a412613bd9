/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: the 2-level ABI, both layouts. */
#include "evtchn-guest.h"

static bool long_mode_of(gconstpointer data)
{
    return GPOINTER_TO_INT(data);
}

static void test_ipi(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(2, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 1);

    g_assert_cmpint(port, ==, 1);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_true(evtchn_guest_pending(g, port));
    g_assert_cmpuint(evtchn_guest_selector(g, 1), ==, 1);
    g_assert_cmpuint(evtchn_guest_selector(g, 0), ==, 0);
    g_assert_true(evtchn_guest_upcall_flag(g, 1));
    g_assert_cmpuint(g->vcpu[1].upcalls, ==, 1);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 0);

    /* Already pending: no second notification. */
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_cmpuint(g->vcpu[1].upcalls, ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 1);
    g_assert_cmpuint(g->seen[port], ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 0);
    evtchn_guest_free(g);
}

/* The bits of each port, up to the last one, are where the guest reads them. */
static void test_every_port(gconstpointer data)
{
    bool long_mode = long_mode_of(data);
    unsigned nr = long_mode ? 4096 : 1024, bits = long_mode ? 64 : 32;
    EvtchnGuest *g = evtchn_guest_new(1, long_mode);
    struct evtchn_bind_ipi op = { .vcpu = 0 };

    for (unsigned port = 1; port < nr; port++) {
        g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, port);
        g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
        g_assert_true(evtchn_guest_pending(g, port));
        g_assert_cmphex(evtchn_guest_selector(g, 0), ==,
                        1ull << (port / bits));
        g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
        g_assert_cmpuint(g->seen[port], ==, 1);
    }
    g_assert_cmpint(xen_evtchn_bind_ipi(g->e, &op), ==, -ENOSPC);
    g_assert_cmpuint(xen_evtchn_nr_ports(g->e), ==, nr);
    evtchn_guest_free(g);
}

static void test_mask(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(1, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    evtchn_guest_mask(g, port);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_true(evtchn_guest_pending(g, port));
    g_assert_false(evtchn_guest_upcall_flag(g, 0));

    g_assert_cmpint(xen_evtchn_unmask_fast(g->e, port), ==, 0);
    g_assert_false(evtchn_guest_masked(g, port));
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);

    /* Nothing pending, or not masked: no notification. */
    evtchn_guest_mask(g, port);
    g_assert_cmpint(xen_evtchn_unmask_fast(g->e, port), ==, 0);
    g_assert_cmpint(xen_evtchn_unmask_fast(g->e, port), ==, 0);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    evtchn_guest_free(g);
}

/* A pending event moves to another vCPU with its port. */
static void test_move(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(3, long_mode_of(data));
    uint32_t a = evtchn_guest_alloc_unbound(g, DOMID_SELF);
    uint32_t b = evtchn_guest_bind_loopback(g, a);

    /* Binding makes the new end pending. */
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    g_assert_cmpuint(g->seen[b], ==, 1);

    evtchn_guest_bind_vcpu(g, a, 1);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, b), ==, 0);
    g_assert_cmpuint(g->vcpu[1].upcalls, ==, 1);
    evtchn_guest_bind_vcpu(g, a, 2);
    g_assert_cmpuint(g->vcpu[2].upcalls, ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 2, NULL, NULL), ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 0);

    /* No notification while it is masked. */
    evtchn_guest_mask(g, a);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, b), ==, 0);
    evtchn_guest_bind_vcpu(g, a, 1);
    g_assert_cmpuint(g->vcpu[1].upcalls, ==, 1);
    evtchn_guest_unmask(g, a);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* Without a vcpu_info the bit is set, and notified once there is one. */
static void test_no_vcpu_info(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new_bare(1, long_mode_of(data));
    uint64_t gpa = evtchn_guest_gpa(GUEST_GFN_INFO);
    uint32_t port;

    xen_evtchn_set_shared_info(g->e, evtchn_guest_frame(g, GUEST_GFN_SHARED));
    xen_evtchn_set_vcpu_present(g->e, 0, true);
    port = evtchn_guest_bind_ipi(g, 0);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_true(evtchn_guest_pending(g, port));
    g_assert_false(xen_evtchn_upcall_pending(g->e, 0));
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 0);

    g_assert_cmpint(xen_evtchn_set_vcpu_info(g->e, 0, gpa, true), ==, 0);
    g_assert_true(xen_evtchn_upcall_pending(g->e, 0));
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* The flag is seen in a page that has gone stale: whoever asks may raise it again. */
static void test_stale_upcall(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(1, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_true(xen_evtchn_upcall_pending(g->e, 0));
    xen_page_cache_invalidate(&g->pages, 0, UINT64_MAX);
    g_assert_true(xen_evtchn_upcall_pending(g->e, 0));
    xen_page_cache_invalidate(&g->pages, 0, UINT64_MAX);
    g_assert_nonnull(xen_evtchn_peek_vcpu_info(g->e, 0));
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    g_assert_false(xen_evtchn_upcall_pending(g->e, 0));
    evtchn_guest_free(g);
}

static void test_vcpu_info_errors(gconstpointer data)
{
    bool long_mode = long_mode_of(data);
    EvtchnGuest *g = evtchn_guest_new(1, long_mode);
    uint64_t page = evtchn_guest_gpa(GUEST_GFN_INFO2);
    void *before = xen_evtchn_peek_vcpu_info(g->e, 0);

    g_assert_cmpint(xen_evtchn_set_vcpu_info(g->e, 9, page, true), ==,
                    -ENOENT);
    g_assert_cmpint(xen_evtchn_set_vcpu_info(g->e, 0, page + 4096 - 60, true),
                    ==, -ENXIO);
    g_assert_cmpint(xen_evtchn_set_vcpu_info(g->e, 0, page + 2, true), ==,
                    -ENXIO);
    g_assert_cmpint(xen_evtchn_set_vcpu_info(g->e, 0, page + 4, true), ==,
                    long_mode ? -ENXIO : 0);
    if (long_mode) {
        g_assert_true(xen_evtchn_peek_vcpu_info(g->e, 0) == before);
    }
    before = xen_evtchn_peek_vcpu_info(g->e, 0);
    g_assert_cmpint(xen_evtchn_set_vcpu_info(g->e, 0,
                                             evtchn_guest_gpa(1u << 20),
                                             true), ==, -EINVAL);
    g_assert_true(xen_evtchn_peek_vcpu_info(g->e, 0) == before);
    evtchn_guest_free(g);
}

/* A stale page: would block, is refreshed, and then fast again. */
static void test_stale(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(1, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 0);
    uint64_t gpa = evtchn_guest_gpa(GUEST_GFN_INFO);
    XenEvtchnStats stats;

    g_assert_cmpuint(xen_page_cache_invalidate(&g->pages, gpa + 4096, 4096), ==, 0);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    evtchn_guest_handle(g, 0, NULL, NULL);

    g_assert_cmpuint(xen_page_cache_invalidate(&g->pages, 0, UINT64_MAX), ==, 1);
    g_assert_cmpint(g->pinned, ==, 0);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, -EWOULDBLOCK);
    g_assert_false(evtchn_guest_pending(g, port));
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpint(g->pinned, ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);

    stats = evtchn_guest_stats(g, 0);
    g_assert_cmpuint(stats.fast, ==, 2);
    g_assert_cmpuint(stats.slow, ==, 1);
    g_assert_cmpuint(stats.would_block, ==, 2);
    g_assert_cmpuint(stats.parked, ==, 0);
    evtchn_guest_free(g);
}

/* The page is missing: the event is parked, and delivered once it is back. */
static void test_parked(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(1, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 0);
    uint32_t masked = evtchn_guest_bind_ipi(g, 0);
    XenEvtchnPortInfo info;

    evtchn_guest_mask(g, masked);
    evtchn_guest_remove_frame(g, GUEST_GFN_INFO);
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, masked), ==, 0);
    g_assert_true(xen_evtchn_port_info(g->e, port, &info));
    g_assert_true(info.parked);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 0);

    evtchn_guest_add_frame(g, GUEST_GFN_INFO);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    g_assert_cmpuint(g->seen[port], ==, 1);
    g_assert_true(xen_evtchn_port_info(g->e, port, &info));
    g_assert_false(info.parked);
    g_assert_true(evtchn_guest_pending(g, masked));
    evtchn_guest_unmask(g, masked);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);

    /* The next event finds that the page is back, and replays all. */
    evtchn_guest_remove_frame(g, GUEST_GFN_INFO);
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g->absent[GUEST_GFN_INFO] = false;
    g_assert_cmpint(xen_evtchn_send(g->e, masked), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 2);

    /* Unmasked while there is no vcpu_info. */
    evtchn_guest_mask(g, masked);
    g_assert_cmpint(xen_evtchn_send(g->e, masked), ==, 0);
    evtchn_guest_remove_frame(g, GUEST_GFN_INFO);
    g_assert_cmpint(xen_evtchn_unmask(g->e, masked), ==, 0);
    evtchn_guest_add_frame(g, GUEST_GFN_INFO);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* Without shared_info events are parked until it is set. */
static void test_no_shared_info(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(1, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 0);

    xen_evtchn_set_shared_info(g->e, NULL);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    evtchn_guest_mask(g, port);
    g_assert_cmpint(xen_evtchn_unmask_fast(g->e, port), ==, 0);
    xen_evtchn_set_shared_info(g->e, evtchn_guest_frame(g, GUEST_GFN_SHARED));
    g_assert_false(evtchn_guest_masked(g, port));
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

static void test_kernel_delivery(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(2, long_mode_of(data));
    uint32_t port = evtchn_guest_bind_ipi(g, 1);

    xen_evtchn_set_kernel_delivery(g->e, true);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_cmpuint(g->vcpu[1].kernel, ==, 1);
    g_assert_cmpuint(g->kernel_port, ==, port);
    g_assert_false(evtchn_guest_pending(g, port));
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port + 1), ==, -EINVAL);
    g_assert_cmpuint(g->vcpu[1].kernel, ==, 1);

    /* KVM cannot deliver: the engine does. */
    g->kernel_error = -EINVAL;
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, -EWOULDBLOCK);
    g_assert_false(evtchn_guest_pending(g, port));
    g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 1, NULL, NULL), ==, 1);

    xen_evtchn_set_kernel_delivery(g->e, false);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, port), ==, 0);
    g_assert_true(evtchn_guest_pending(g, port));
    evtchn_guest_free(g);
}

/* A vCPU that has an upcall pending needs no second one. */
static void test_upcall_only_when_news(gconstpointer data)
{
    EvtchnGuest *g = evtchn_guest_new(1, long_mode_of(data));
    uint32_t a = evtchn_guest_bind_ipi(g, 0);
    uint32_t b = evtchn_guest_bind_ipi(g, 0);
    XenEvtchnStats stats;

    g_assert_cmpint(xen_evtchn_send_fast(g->e, a), ==, 0);
    g_assert_cmpint(xen_evtchn_send_fast(g->e, b), ==, 0);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    stats = evtchn_guest_stats(g, 0);
    g_assert_cmpuint(stats.upcalls, ==, 1);
    g_assert_cmpuint(stats.upcalls_saved, ==, 1);

    /* Another selector bit, and the handler has still not run. */
    while (b < 64) {
        b = evtchn_guest_bind_ipi(g, 0);
    }
    g_assert_cmpint(xen_evtchn_send_fast(g->e, b), ==, 0);
    g_assert_cmpuint(g->vcpu[0].upcalls, ==, 1);
    stats = evtchn_guest_stats(g, 0);
    g_assert_cmpuint(stats.upcalls_saved, ==, 2);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 3);
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    static const char *const variants[] = { "32", "64" };
    static const EvtchnTest tests[] = {
        { "ipi", test_ipi },
        { "every-port", test_every_port },
        { "mask", test_mask },
        { "move", test_move },
        { "no-vcpu-info", test_no_vcpu_info },
        { "stale-upcall", test_stale_upcall },
        { "vcpu-info-errors", test_vcpu_info_errors },
        { "stale", test_stale },
        { "parked", test_parked },
        { "no-shared-info", test_no_shared_info },
        { "kernel-delivery", test_kernel_delivery },
        { "upcall-only-when-news", test_upcall_only_when_news },
    };

    g_test_init(&argc, &argv, NULL);
    evtchn_guest_add_tests("/evtchn/2l", variants, tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
