/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: operations on ports. */
#include "evtchn-stage.h"

static void test_status(void)
{
    EvtchnStage *s = evtchn_stage_new(false);
    struct {
        uint32_t port, status, vcpu;
        int dom;
        uint32_t val;
    } want[] = {
        { s->unbound, EVTCHNSTAT_unbound, 0, GUEST_DOMID, 0 },
        { s->unbound_be, EVTCHNSTAT_unbound, 0, 0, 0 },
        { s->foreign, EVTCHNSTAT_unbound, 0, 77, 0 },
        { s->loop_a, EVTCHNSTAT_interdomain, 0, GUEST_DOMID, s->loop_b },
        { s->loop_b, EVTCHNSTAT_interdomain, 0, GUEST_DOMID, s->loop_a },
        { s->connected, EVTCHNSTAT_interdomain, 0, 0, s->be_port },
        { s->ipi, EVTCHNSTAT_ipi, 1, -1, 0 },
        { s->timer, EVTCHNSTAT_virq, 1, -1, VIRQ_TIMER },
        { s->console, EVTCHNSTAT_virq, 0, -1, VIRQ_CONSOLE },
        { s->pirq, EVTCHNSTAT_pirq, 0, -1, 5 },
        { 60, EVTCHNSTAT_closed, 0, -1, 0 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
        struct evtchn_status op = { .dom = DOMID_SELF, .port = want[i].port };

        g_assert_cmpint(xen_evtchn_status(s->g->e, &op), ==, 0);
        g_assert_cmpuint(op.status, ==, want[i].status);
        g_assert_cmpuint(op.vcpu, ==, want[i].vcpu);
        switch (op.status) {
        case EVTCHNSTAT_unbound:
            g_assert_cmpint(op.u.unbound.dom, ==, want[i].dom);
            break;
        case EVTCHNSTAT_interdomain:
            g_assert_cmpint(op.u.interdomain.dom, ==, want[i].dom);
            g_assert_cmpuint(op.u.interdomain.port, ==, want[i].val);
            break;
        case EVTCHNSTAT_virq:
            g_assert_cmpuint(op.u.virq, ==, want[i].val);
            break;
        case EVTCHNSTAT_pirq:
            g_assert_cmpuint(op.u.pirq, ==, want[i].val);
            break;
        }
    }
    evtchn_stage_free(s);
}

/* Closing one end of a pair leaves the other one unbound. */
static void test_close_pair(void)
{
    EvtchnStage *s = evtchn_stage_new(false);
    struct evtchn_status op = { .dom = DOMID_SELF, .port = s->loop_b };
    uint32_t again;

    g_assert_cmpint(xen_evtchn_close(s->g->e, s->loop_a), ==, 0);
    g_assert_cmpint(xen_evtchn_status(s->g->e, &op), ==, 0);
    g_assert_cmpuint(op.status, ==, EVTCHNSTAT_unbound);
    g_assert_cmpuint(op.u.unbound.dom, ==, GUEST_DOMID);
    g_assert_cmpint(xen_evtchn_send(s->g->e, s->loop_b), ==, 0);
    again = evtchn_guest_bind_loopback(s->g, s->loop_b);
    g_assert_cmpuint(again, ==, s->loop_a);
    g_assert_cmpint(xen_evtchn_send(s->g->e, again), ==, 0);
    g_assert_true(evtchn_guest_pending(s->g, s->loop_b));
    evtchn_stage_free(s);
}

/* A port that was closed can be bound again, as another type. */
static void test_rebind(void)
{
    EvtchnStage *s = evtchn_stage_new(false);
    XenEvtchn *e = s->g->e;

    g_assert_cmpuint(xen_evtchn_virq_port(e, 1, VIRQ_TIMER), ==, s->timer);
    g_assert_cmpuint(xen_evtchn_virq_port(e, 2, VIRQ_CONSOLE), ==,
                     s->console);
    g_assert_cmpuint(xen_evtchn_pirq_port(e, 5), ==, s->pirq);

    evtchn_guest_bind_vcpu(s->g, s->console, 1);
    g_assert_cmpint(xen_evtchn_raise_virq_fast(e, 0, VIRQ_CONSOLE), ==, 0);
    g_assert_cmpuint(s->g->vcpu[1].upcalls, ==, 1);

    xen_evtchn_raise_virq(e, 1, VIRQ_TIMER);
    xen_evtchn_raise_pirq(e, 5);
    g_assert_cmpint(xen_evtchn_close(e, s->timer), ==, 0);
    g_assert_cmpint(xen_evtchn_close(e, s->pirq), ==, 0);
    g_assert_cmpint(xen_evtchn_close(e, s->console), ==, 0);
    g_assert_cmpint(xen_evtchn_raise_virq(e, 1, VIRQ_TIMER), ==, -ENOENT);
    g_assert_cmpint(xen_evtchn_raise_virq(e, 0, VIRQ_CONSOLE), ==, -ENOENT);
    g_assert_cmpint(xen_evtchn_raise_pirq(e, 5), ==, -ENOENT);

    /* The lowest free ports are allocated first; nothing is pending. */
    g_assert_cmpuint(evtchn_guest_bind_pirq(s->g, 5), ==, s->timer);
    g_assert_false(evtchn_guest_pending(s->g, s->timer));
    g_assert_cmpuint(evtchn_guest_bind_virq(s->g, 0, VIRQ_CONSOLE), ==,
                     s->console);
    g_assert_cmpuint(evtchn_guest_bind_virq(s->g, 1, VIRQ_TIMER), ==,
                     s->pirq);
    evtchn_stage_free(s);
}

static void test_reset(void)
{
    EvtchnStage *s = evtchn_stage_new(true);
    XenEvtchn *e = s->g->e;

    xen_evtchn_send(e, s->ipi);
    g_assert_cmpint(xen_evtchn_reset(e, DOMID_SELF), ==, 0);
    g_assert_cmpint(xen_evtchn_abi(e), ==, XEN_EVTCHN_ABI_2L);
    g_assert_cmpuint(xen_evtchn_nr_ports(e), ==, 0);
    g_assert_cmpuint(xen_evtchn_virq_port(e, 1, VIRQ_TIMER), ==, 0);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(s->be), ==, 0);
    /* Only the vcpu_info pages are still pinned. */
    g_assert_cmpint(s->g->pinned, ==, 4);
    s->g->fifo = false;
    g_assert_cmpuint(evtchn_guest_bind_ipi(s->g, 1), ==, 1);
    g_assert_cmpint(xen_evtchn_send(e, 1), ==, 0);
    g_assert_true(evtchn_guest_pending(s->g, 1));
    evtchn_stage_free(s);
}

/*
 * Ports that were closed while they were in a queue: after a reset their numbers are as
 * free as all others, and the lowest of all is the first again.
 */
static void test_reset_closing(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    uint32_t nr = 20;

    evtchn_guest_use_fifo(g, 1);
    for (uint32_t port = 1; port <= nr; port++) {
        g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, port);
        evtchn_guest_unmask(g, port);
        g_assert_cmpint(xen_evtchn_send(g->e, port), ==, 0);
    }
    /* Those that are closed first would be looked at first. */
    for (uint32_t port = nr; port; port--) {
        g_assert_cmpint(xen_evtchn_close(g->e, port), ==, 0);
        g_assert_true(*evtchn_guest_word(g, port) & 1u << EVTCHN_FIFO_LINKED);
    }
    g_assert_cmpint(xen_evtchn_reset(g->e, DOMID_SELF), ==, 0);
    g->fifo = false;
    for (uint32_t port = 1; port <= nr; port++) {
        g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, port);
    }
    evtchn_guest_free(g);
}

/* port_changed is called for each change. */
static void test_port_changed(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    uint32_t a = evtchn_guest_alloc_unbound(g, DOMID_SELF), b;

    g_assert_cmpuint(g->nr_changed, ==, 1);
    g_assert_cmpuint(g->changed.port, ==, a);
    g_assert_cmpuint(g->changed.type, ==, EVTCHNSTAT_unbound);
    b = evtchn_guest_bind_loopback(g, a);
    g_assert_cmpuint(g->nr_changed, ==, 3);
    g_assert_cmpuint(g->changed.port, ==, a);
    g_assert_cmpuint(g->changed.val, ==, b);
    evtchn_guest_bind_vcpu(g, b, 1);
    g_assert_cmpuint(g->nr_changed, ==, 4);
    g_assert_cmpuint(g->changed.vcpu, ==, 1);
    g_assert_cmpint(xen_evtchn_close(g->e, b), ==, 0);
    g_assert_cmpuint(g->nr_changed, ==, 6);
    g_assert_cmpuint(g->changed.port, ==, a);
    g_assert_cmpuint(g->changed.type, ==, EVTCHNSTAT_unbound);
    g_assert_cmpint(xen_evtchn_close(g->e, a), ==, 0);
    g_assert_cmpuint(g->changed.type, ==, EVTCHNSTAT_closed);
    g_assert_cmpuint(g->changed.port, ==, a);
    evtchn_guest_free(g);
}

/* Numbers freed in any order are allocated again, the lowest first. */
static void test_lowest_first(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    g_autofree bool *open = g_new0(bool, 4096);

    for (unsigned i = 0; i < 20000; i++) {
        uint32_t port = g_test_rand_int_range(1, 4096), lowest = 1;

        if (open[port]) {
            g_assert_cmpint(xen_evtchn_close(g->e, port), ==, 0);
            open[port] = false;
            continue;
        }
        while (lowest < 4096 && open[lowest]) {
            lowest++;
        }
        port = evtchn_guest_bind_ipi(g, 0);
        g_assert_cmpuint(port, ==, lowest);
        open[port] = true;
    }
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evtchn/ports/status", test_status);
    g_test_add_func("/evtchn/ports/close-pair", test_close_pair);
    g_test_add_func("/evtchn/ports/rebind", test_rebind);
    g_test_add_func("/evtchn/ports/reset", test_reset);
    g_test_add_func("/evtchn/ports/reset-closing", test_reset_closing);
    g_test_add_func("/evtchn/ports/port-changed", test_port_changed);
    g_test_add_func("/evtchn/ports/lowest-first", test_lowest_first);
    return g_test_run();
}
