/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: counters, by vCPU and kind of event. */
#include "evtchn-guest.h"

#define TARGET      1           /* the vCPU that is notified */

/* A port of one kind, and the way to raise it. */
typedef struct Source {
    EvtchnGuest *g;
    XenEvtchnKind kind;
    uint32_t port, sender;
    XenEvtchnBackend *be;
} Source;

static Source source_new(XenEvtchnKind kind, bool fifo)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    Source s = { .g = g, .kind = kind };

    if (fifo) {
        evtchn_guest_use_fifo(g, 1);
    }
    switch (kind) {
    case XEN_EVTCHN_TIMER:
        s.port = evtchn_guest_bind_virq(g, TARGET, VIRQ_TIMER);
        break;
    case XEN_EVTCHN_VIRQ:
        s.port = evtchn_guest_bind_virq(g, TARGET, VIRQ_DEBUG);
        break;
    case XEN_EVTCHN_IPI:
        s.port = evtchn_guest_bind_ipi(g, TARGET);
        break;
    case XEN_EVTCHN_PIRQ:
        s.port = evtchn_guest_bind_pirq(g, 9);
        evtchn_guest_bind_vcpu(g, s.port, TARGET);
        break;
    case XEN_EVTCHN_LOOPBACK:
        s.port = evtchn_guest_alloc_unbound(g, DOMID_SELF);
        s.sender = evtchn_guest_bind_loopback(g, s.port);
        /* Binding has raised it. */
        evtchn_guest_handle(g, 0, NULL, NULL);
        evtchn_guest_bind_vcpu(g, s.port, TARGET);
        break;
    default:
        s.port = evtchn_guest_alloc_unbound(g, 0);
        s.be = xen_evtchn_backend_new(g->e, NULL);
        g_assert_cmpint(xen_evtchn_backend_bind(s.be, GUEST_DOMID, s.port),
                        ==, 1);
        evtchn_guest_bind_vcpu(g, s.port, TARGET);
        break;
    }
    return s;
}

static void source_free(Source *s)
{
    xen_evtchn_backend_free(s->be);
    evtchn_guest_free(s->g);
}

static void raise_event(Source *s)
{
    XenEvtchn *e = s->g->e;
    int ret;

    switch (s->kind) {
    case XEN_EVTCHN_TIMER:
        ret = xen_evtchn_raise_virq(e, TARGET, VIRQ_TIMER);
        break;
    case XEN_EVTCHN_VIRQ:
        ret = xen_evtchn_raise_virq(e, TARGET, VIRQ_DEBUG);
        break;
    case XEN_EVTCHN_PIRQ:
        ret = xen_evtchn_raise_pirq(e, 9);
        break;
    case XEN_EVTCHN_LOOPBACK:
        ret = xen_evtchn_send(e, s->sender);
        break;
    case XEN_EVTCHN_BACKEND:
        ret = xen_evtchn_backend_notify(s->be);
        break;
    default:
        ret = xen_evtchn_send(e, s->port);
        break;
    }
    g_assert_cmpint(ret, ==, 0);
}

/* Events are counted for the target and their kind only. */
static void check(Source *s, XenEvtchnStats want)
{
    XenEvtchnStats got[XEN_EVTCHN_NR_KINDS], sum;

    xen_evtchn_stats(s->g->e, TARGET, got);
    g_assert_cmpuint(got[s->kind].fast, ==, want.fast);
    g_assert_cmpuint(got[s->kind].slow, ==, want.slow);
    g_assert_cmpuint(got[s->kind].would_block, ==, want.would_block);
    g_assert_cmpuint(got[s->kind].already_pending, ==, want.already_pending);
    g_assert_cmpuint(got[s->kind].masked, ==, want.masked);
    g_assert_cmpuint(got[s->kind].kernel, ==, want.kernel);
    g_assert_cmpuint(got[s->kind].upcalls, ==, want.upcalls);
    g_assert_cmpuint(got[s->kind].upcalls_saved, ==, want.upcalls_saved);
    g_assert_cmpuint(got[s->kind].parked, ==, want.parked);

    sum = xen_evtchn_stats_sum(got);
    g_assert_cmpmem(&sum, sizeof(sum), &got[s->kind], sizeof(sum));
    g_assert_cmpuint(s->g->vcpu[TARGET].upcalls, ==, want.upcalls);
}

/* All counters of each kind, from a first event to a stale page. */
static void test_kind(gconstpointer data)
{
    XenEvtchnKind kind = GPOINTER_TO_INT(data) / 2;
    bool fifo = GPOINTER_TO_INT(data) % 2;
    Source s = source_new(kind, fifo);
    XenEvtchnStats want = { .fast = 1, .upcalls = 1 };

    raise_event(&s);
    check(&s, want);
    /* Not handled yet. */
    raise_event(&s);
    want.already_pending = 1;
    check(&s, want);
    g_assert_cmpuint(evtchn_guest_handle(s.g, TARGET, NULL, NULL), ==, 1);

    evtchn_guest_mask(s.g, s.port);
    raise_event(&s);
    want.masked = 1;
    check(&s, want);
    raise_event(&s);
    want.already_pending = 2;
    check(&s, want);
    /* The unmask delivers it. */
    g_assert_cmpint(xen_evtchn_unmask(s.g->e, s.port), ==, 0);
    want.fast = want.upcalls = 2;
    check(&s, want);
    g_assert_cmpint(xen_evtchn_unmask(s.g->e, s.port), ==, 0);
    check(&s, want);
    g_assert_cmpuint(evtchn_guest_handle(s.g, TARGET, NULL, NULL), ==, 1);

    /* Its vcpu_info has to be refreshed. */
    xen_page_cache_invalidate(&s.g->pages, evtchn_guest_gpa(GUEST_GFN_INFO),
                              4096);
    raise_event(&s);
    want.would_block = want.slow = 1;
    want.upcalls = 3;
    check(&s, want);
    source_free(&s);
}

/* One upcall for all events before the vCPU handles any of them. */
static void test_saved(gconstpointer data)
{
    bool fifo = GPOINTER_TO_INT(data);
    Source s = source_new(XEN_EVTCHN_IPI, fifo);
    uint32_t second = evtchn_guest_bind_ipi(s.g, TARGET), third;
    XenEvtchnStats want = { .fast = 3, .upcalls = 1, .upcalls_saved = 2 };

    /* Saved by the tail (FIFO) or the selector bit (2-level). */
    raise_event(&s);
    g_assert_cmpint(xen_evtchn_send_fast(s.g->e, second), ==, 0);
    /* Saved by the upcall flag. */
    do {
        third = evtchn_guest_bind_ipi(s.g, TARGET);
    } while (third < 64);
    if (fifo) {
        evtchn_guest_set_priority(s.g, third, 3);
    }
    g_assert_cmpint(xen_evtchn_send_fast(s.g->e, third), ==, 0);
    check(&s, want);
    g_assert_cmpuint(evtchn_guest_handle(s.g, TARGET, NULL, NULL), ==, 3);
    source_free(&s);
}

/* Masked and unmasked while linked: the guest has yet to handle it. */
static void test_unmask_linked(void)
{
    Source s = source_new(XEN_EVTCHN_IPI, true);
    XenEvtchnStats want = { .fast = 2, .upcalls = 1, .upcalls_saved = 1 };

    raise_event(&s);
    evtchn_guest_mask(s.g, s.port);
    g_assert_cmpint(xen_evtchn_unmask(s.g->e, s.port), ==, 0);
    check(&s, want);
    g_assert_cmpuint(evtchn_guest_handle(s.g, TARGET, NULL, NULL), ==, 1);
    source_free(&s);
}

static void test_to_backend(void)
{
    Source s = source_new(XEN_EVTCHN_BACKEND, false);
    unsigned signals = s.g->signals;

    s.kind = XEN_EVTCHN_TO_BACKEND;
    raise_event(&s);
    raise_event(&s);
    g_assert_cmpuint(s.g->signals, ==, signals + 2);
    check(&s, (XenEvtchnStats) { .fast = 2 });
    source_free(&s);
}

static void test_kernel(void)
{
    Source s = source_new(XEN_EVTCHN_TIMER, false);

    xen_evtchn_set_kernel_delivery(s.g->e, true);
    raise_event(&s);
    g_assert_cmpuint(s.g->vcpu[TARGET].kernel, ==, 1);
    check(&s, (XenEvtchnStats) { .kernel = 1 });
    source_free(&s);
}

static void test_parked(void)
{
    Source s = source_new(XEN_EVTCHN_PIRQ, true);
    XenEvtchnStats want = { .would_block = 1, .parked = 1 };

    evtchn_guest_remove_frame(s.g, GUEST_GFN_ARRAY);
    raise_event(&s);
    check(&s, want);
    evtchn_guest_add_frame(s.g, GUEST_GFN_ARRAY);
    want.slow = want.upcalls = 1;
    check(&s, want);
    source_free(&s);
}

/* A renotification of READY queues has no port, and a kind of its own. */
static void test_repeat(void)
{
    Source s = source_new(XEN_EVTCHN_IPI, true);
    XenEvtchnStats got[XEN_EVTCHN_NR_KINDS];

    raise_event(&s);
    g_assert_cmpint(xen_evtchn_set_vcpu_info(s.g->e, TARGET,
                        evtchn_guest_gpa(GUEST_GFN_INFO2), true), ==, 0);
    xen_evtchn_stats(s.g->e, TARGET, got);
    g_assert_cmpuint(got[XEN_EVTCHN_REPEAT].upcalls, ==, 1);
    g_assert_cmpuint(got[XEN_EVTCHN_IPI].upcalls, ==, 1);
    source_free(&s);
}

int main(int argc, char **argv)
{
    static const char *const name[] = {
        "timer", "virq", "ipi", "pirq", "loopback", "backend",
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned kind = 0; kind < G_N_ELEMENTS(name); kind++) {
        for (unsigned fifo = 0; fifo < 2; fifo++) {
            g_autofree char *path = g_strdup_printf("/evtchn/stats/%s/%s",
                                                    name[kind],
                                                    fifo ? "fifo" : "2l");

            g_test_add_data_func(path, GINT_TO_POINTER(kind * 2 + fifo),
                                 test_kind);
        }
    }
    g_test_add_data_func("/evtchn/stats/saved/2l", GINT_TO_POINTER(false),
                         test_saved);
    g_test_add_data_func("/evtchn/stats/saved/fifo", GINT_TO_POINTER(true),
                         test_saved);
    g_test_add_func("/evtchn/stats/unmask-linked", test_unmask_linked);
    g_test_add_func("/evtchn/stats/to-backend", test_to_backend);
    g_test_add_func("/evtchn/stats/kernel", test_kernel);
    g_test_add_func("/evtchn/stats/parked", test_parked);
    g_test_add_func("/evtchn/stats/repeat", test_repeat);
    return g_test_run();
}
