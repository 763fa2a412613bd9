/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: saving and restoring state. */
#include "evtchn-guest.h"

#define NR_VCPUS    3

/* Restores @from's state, with its memory, in @to. */
static void migrate(EvtchnGuest *from, EvtchnGuest *to)
{
    XenEvtchn *a = from->e, *b = to->e;
    uint32_t nr = xen_evtchn_nr_ports(a);

    evtchn_guest_copy_ram(to, from);
    to->fifo = from->fifo;
    for (unsigned v = 0; v < NR_VCPUS; v++) {
        to->vcpu[v].ready = from->vcpu[v].ready;
        memcpy(to->vcpu[v].head, from->vcpu[v].head,
               sizeof(to->vcpu[v].head));
    }

    xen_evtchn_restore_begin(b);
    for (uint32_t port = 1; port < nr; port++) {
        XenEvtchnPortInfo info;

        if (xen_evtchn_port_info(a, port, &info)) {
            g_assert_cmpint(xen_evtchn_restore_port(b, &info), ==, 0);
        }
    }
    if (xen_evtchn_abi(a) == XEN_EVTCHN_ABI_FIFO) {
        for (unsigned v = 0; v < NR_VCPUS; v++) {
            g_assert_cmpint(xen_evtchn_restore_fifo_control(b, v,
                                xen_evtchn_fifo_control_gpa(a, v)), ==, 0);
            for (unsigned q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++) {
                g_assert_cmpint(xen_evtchn_restore_fifo_tail(b, v, q,
                                    xen_evtchn_fifo_tail(a, v, q)), ==, 0);
            }
        }
        for (unsigned i = 0; i < xen_evtchn_fifo_nr_array_pages(a); i++) {
            g_assert_cmpint(xen_evtchn_restore_fifo_array(b, i,
                                xen_evtchn_fifo_array_gfn(a, i)), ==, 0);
        }
    }
    g_assert_cmpint(xen_evtchn_restore_finish(b), ==, 0);
}

static char *describe(XenEvtchn *e)
{
    GString *str = g_string_new(NULL);

    g_string_printf(str, "abi %d\n", xen_evtchn_abi(e));
    for (uint32_t port = 0; port < xen_evtchn_nr_ports(e); port++) {
        XenEvtchnPortInfo i;

        if (xen_evtchn_port_info(e, port, &i)) {
            g_string_append_printf(str, "%u: %u %u %u %u %d%d%d%d%d %u/%u\n",
                                   port, i.type, i.priority, i.vcpu, i.val,
                                   i.to_backend, i.pending, i.masked,
                                   i.linked, i.parked, i.queue_vcpu,
                                   i.queue_priority);
        }
    }
    for (unsigned v = 0; v < NR_VCPUS; v++) {
        for (unsigned q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++) {
            g_string_append_printf(str, " %u", xen_evtchn_fifo_tail(e, v, q));
        }
    }
    return g_string_free(str, FALSE);
}

/* During traffic, which continues after migration. */
static void test_traffic(gconstpointer data)
{
    bool fifo = GPOINTER_TO_INT(data);
    EvtchnGuest *a = evtchn_guest_new(NR_VCPUS, true);
    EvtchnGuest *b = evtchn_guest_new(NR_VCPUS, true);
    uint32_t port[12], moved, sender, timer, pirq, loose;
    g_autofree char *before = NULL, *after = NULL;

    if (fifo) {
        evtchn_guest_use_fifo(a, 1);
    }
    for (unsigned i = 0; i < 12; i++) {
        port[i] = evtchn_guest_bind_ipi(a, i % NR_VCPUS);
        if (fifo) {
            evtchn_guest_set_priority(a, port[i], i);
        }
    }
    moved = evtchn_guest_alloc_unbound(a, DOMID_SELF);
    sender = evtchn_guest_bind_loopback(a, moved);
    loose = evtchn_guest_alloc_unbound(a, 55);
    timer = evtchn_guest_bind_virq(a, 2, VIRQ_TIMER);
    pirq = evtchn_guest_bind_pirq(a, 7);
    evtchn_guest_handle(a, 0, NULL, NULL);

    for (unsigned i = 0; i < 6; i++) {
        xen_evtchn_send(a->e, port[i]);
    }
    evtchn_guest_mask(a, port[8]);
    xen_evtchn_send(a->e, port[8]);
    xen_evtchn_send(a->e, sender);
    evtchn_guest_bind_vcpu(a, moved, 1);

    before = describe(a->e);
    migrate(a, b);
    after = describe(b->e);
    g_assert_cmpstr(before, ==, after);
    /* What each side has handled is not part of the state. */
    memset(b->seen, 0, GUEST_NR_PORTS * sizeof(*b->seen));

    g_assert_cmpint(xen_evtchn_send(b->e, port[9]), ==, 0);
    g_assert_cmpint(xen_evtchn_raise_virq(b->e, 2, VIRQ_TIMER), ==, 0);
    g_assert_cmpint(xen_evtchn_raise_pirq(b->e, 7), ==, 0);
    evtchn_guest_unmask(b, port[8]);
    for (unsigned v = 0; v < NR_VCPUS; v++) {
        evtchn_guest_handle(b, v, NULL, NULL);
    }
    for (unsigned i = 0; i < 12; i++) {
        g_assert_cmpuint(b->seen[port[i]], ==, i < 6 || i == 8 || i == 9);
    }
    g_assert_cmpuint(b->seen[moved], ==, 1);
    g_assert_cmpuint(b->seen[timer], ==, 1);
    g_assert_cmpuint(b->seen[pirq], ==, 1);
    g_assert_cmpuint(b->seen[loose], ==, 0);
    g_assert_cmpint(xen_evtchn_send(b->e, sender), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(b, 1, NULL, NULL), ==, 1);
    g_assert_cmpuint(b->seen[moved], ==, 2);
    evtchn_guest_free(a);
    evtchn_guest_free(b);
}

/* Parked events are migrated. */
static void test_parked(void)
{
    EvtchnGuest *a = evtchn_guest_new(NR_VCPUS, true);
    EvtchnGuest *b = evtchn_guest_new(NR_VCPUS, true);
    uint32_t port = evtchn_guest_bind_ipi(a, 1);

    evtchn_guest_use_fifo(a, 0);
    xen_evtchn_send(a->e, port);
    migrate(a, b);
    g_assert_cmpint(evtchn_guest_expand_array(b, 0), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(b, 1, NULL, NULL), ==, 1);
    evtchn_guest_free(a);
    evtchn_guest_free(b);
}

/* So is an unmask of a port whose page is missing. */
static void test_parked_unmask(void)
{
    EvtchnGuest *a = evtchn_guest_new(NR_VCPUS, true);
    EvtchnGuest *b = evtchn_guest_new(NR_VCPUS, true);
    uint32_t port[2];
    XenEvtchnPortInfo info;

    evtchn_guest_use_fifo(a, 1);
    for (unsigned i = 0; i < 2; i++) {
        port[i] = evtchn_guest_bind_ipi(a, 1);
        evtchn_guest_mask(a, port[i]);
        xen_evtchn_send(a->e, port[i]);
    }
    evtchn_guest_remove_frame(a, GUEST_GFN_ARRAY);
    b->absent[GUEST_GFN_ARRAY] = true;
    g_assert_cmpint(xen_evtchn_unmask(a->e, port[0]), ==, 0);
    migrate(a, b);
    for (unsigned i = 0; i < 2; i++) {
        xen_evtchn_port_info(b->e, port[i], &info);
        g_assert_cmpint(info.parked_unmask, ==, i == 0);
        g_assert_false(info.parked);
    }
    evtchn_guest_add_frame(b, GUEST_GFN_ARRAY);
    g_assert_cmpuint(evtchn_guest_handle(b, 1, NULL, NULL), ==, 1);
    g_assert_cmpuint(b->seen[port[0]], ==, 1);
    g_assert_true(evtchn_guest_masked(b, port[1]));
    evtchn_guest_free(a);
    evtchn_guest_free(b);
}

/* A guest port keeps the number of its back end until that reconnects. */
static void test_backend(void)
{
    EvtchnGuest *a = evtchn_guest_new(NR_VCPUS, true);
    EvtchnGuest *b = evtchn_guest_new(NR_VCPUS, true);
    uint32_t port[3];
    XenEvtchnBackend *be[3], *mine, *fresh;
    unsigned signals;

    for (unsigned i = 0; i < 3; i++) {
        port[i] = evtchn_guest_alloc_unbound(a, 0);
        be[i] = xen_evtchn_backend_new(a->e, NULL);
        g_assert_cmpint(xen_evtchn_backend_bind(be[i], GUEST_DOMID, port[i]),
                        ==, i + 1);
    }
    /* The target's back ends were connected to other ports. */
    mine = xen_evtchn_backend_new(b->e, NULL);
    g_assert_cmpint(xen_evtchn_backend_bind(mine, GUEST_DOMID,
                        evtchn_guest_alloc_unbound(b, 0)), ==, 1);
    migrate(a, b);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(mine), ==, 0);
    g_assert_cmpuint(xen_evtchn_backend_port(mine), ==, 0);

    signals = b->signals;
    g_assert_cmpint(xen_evtchn_send(b->e, port[2]), ==, 0);
    g_assert_cmpuint(b->signals, ==, signals);
    /* A new back end does not get a number that is reserved. */
    fresh = xen_evtchn_backend_new(b->e, NULL);
    g_assert_cmpint(xen_evtchn_backend_bind(fresh, GUEST_DOMID,
                        evtchn_guest_alloc_unbound(b, 0)), ==, 4);
    g_assert_cmpint(xen_evtchn_backend_bind(mine, GUEST_DOMID, port[2]), ==,
                    3);
    g_assert_cmpint(xen_evtchn_send(b->e, port[2]), ==, 0);
    g_assert_cmpuint(b->signals, ==, signals + 3);
    g_assert_cmpint(xen_evtchn_backend_notify(mine), ==, 0);
    g_assert_true(evtchn_guest_pending(b, port[2]));

    /* The guest closes the port of another: its number is free. */
    g_assert_cmpint(xen_evtchn_close(b->e, port[0]), ==, 0);
    g_assert_cmpint(xen_evtchn_backend_unbind(fresh, 0), ==, 0);
    g_assert_cmpint(xen_evtchn_backend_bind(fresh, GUEST_DOMID,
                        evtchn_guest_alloc_unbound(b, 0)), ==, 1);
    for (unsigned i = 0; i < 3; i++) {
        xen_evtchn_backend_free(be[i]);
    }
    xen_evtchn_backend_free(mine);
    xen_evtchn_backend_free(fresh);
    evtchn_guest_free(a);
    evtchn_guest_free(b);
}

/* States that the engine cannot have saved. */
static void test_refused(void)
{
    static const struct {
        XenEvtchnPortInfo info;
        int err;
    } bad[] = {
        { { .port = 0, .type = EVTCHNSTAT_ipi }, -EINVAL },
        { { .port = 1 << 17, .type = EVTCHNSTAT_ipi }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_closed }, -EINVAL },
        { { .port = 3, .type = 6 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_ipi, .vcpu = NR_VCPUS }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_ipi, .queue_vcpu = NR_VCPUS },
          -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_ipi, .priority = 16 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_ipi, .queue_priority = 16 },
          -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_ipi, .val = 1 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_ipi, .to_backend = true },
          -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_virq, .val = 24 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_virq, .val = VIRQ_TIMER },
          -EINVAL },                                    /* bound by port 1 */
        { { .port = 3, .type = EVTCHNSTAT_pirq, .val = 9 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_pirq, .val = GUEST_MAX_PIRQS },
          -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_interdomain, .val = 3 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_interdomain, .val = 0 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_interdomain, .val = 1 << 17 },
          -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_interdomain, .to_backend = true },
          -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_interdomain, .to_backend = true,
            .val = 4096 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_interdomain, .to_backend = true,
            .val = 17 }, -EINVAL },                     /* port 4 has it */
        { { .port = 3, .type = EVTCHNSTAT_unbound, .val = 65536 }, -EINVAL },
        { { .port = 3, .type = EVTCHNSTAT_unbound, .val = GUEST_DOMID },
          -EINVAL },
        { { .port = 1, .type = EVTCHNSTAT_ipi }, -EEXIST },
    };
    static const XenEvtchnPortInfo good[] = {
        { .port = 1, .type = EVTCHNSTAT_virq, .val = VIRQ_TIMER },
        { .port = 2, .type = EVTCHNSTAT_pirq, .val = 9 },
        { .port = 4, .type = EVTCHNSTAT_interdomain, .to_backend = true,
          .val = 17 },
    };
    EvtchnGuest *g = evtchn_guest_new(NR_VCPUS, true);

    xen_evtchn_restore_begin(g->e);
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_cmpint(xen_evtchn_restore_port(g->e, &good[i]), ==, 0);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        int ret = xen_evtchn_restore_port(g->e, &bad[i].info);

        if (ret != bad[i].err) {
            g_test_message("case %u", i);
        }
        g_assert_cmpint(ret, ==, bad[i].err);
    }
    g_assert_cmpint(xen_evtchn_restore_finish(g->e), ==, 0);

    g_assert_cmpint(xen_evtchn_restore_fifo_control(g->e, NR_VCPUS, 0), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_control(g->e, 0, 4), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_control(g->e, 0, 4096 - 64), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_control(g->e, 0, XEN_GPA_NONE),
                    ==, 0);
    g_assert_cmpint(xen_evtchn_abi(g->e), ==, XEN_EVTCHN_ABI_2L);
    g_assert_cmpint(xen_evtchn_restore_fifo_array(g->e, 1, 5), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_array(g->e, 128, 5), ==, -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_array(g->e, 0, UINT64_MAX), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_tail(g->e, 0, 16, 1), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_tail(g->e, NR_VCPUS, 0, 1), ==,
                    -EINVAL);
    g_assert_cmpint(xen_evtchn_restore_fifo_tail(g->e, 0, 0, 1 << 17), ==,
                    -EINVAL);
    evtchn_guest_free(g);
}

/* Errors that only finish finds; the engine still works afterwards. */
static void test_refused_at_end(void)
{
    static const XenEvtchnPortInfo bad[][2] = {
        { { .port = 1, .type = EVTCHNSTAT_interdomain, .val = 2 },
          { .port = 2, .type = EVTCHNSTAT_ipi } },
        { { .port = 1, .type = EVTCHNSTAT_interdomain, .val = 9 },
          { .port = 2, .type = EVTCHNSTAT_interdomain, .val = 1 } },
        { { .port = 1, .type = EVTCHNSTAT_ipi },
          { .port = 5000, .type = EVTCHNSTAT_ipi } },
        { { .port = 1, .type = EVTCHNSTAT_ipi, .parked = true },
          { .port = 2, .type = EVTCHNSTAT_interdomain, .val = 131071 } },
    };
    EvtchnGuest *g = evtchn_guest_new(NR_VCPUS, true);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        xen_evtchn_restore_begin(g->e);
        g_assert_cmpint(xen_evtchn_restore_port(g->e, &bad[i][0]), ==, 0);
        g_assert_cmpint(xen_evtchn_restore_port(g->e, &bad[i][1]), ==, 0);
        g_assert_cmpint(xen_evtchn_restore_finish(g->e), ==, -EINVAL);
        g_assert_cmpuint(xen_evtchn_nr_ports(g->e), ==, 0);
    }
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, 1);
    g_assert_cmpint(xen_evtchn_send(g->e, 1), ==, 0);
    evtchn_guest_free(g);
}

/* No port is linked behind a tail that has no array page. */
static void test_hostile_tail(void)
{
    EvtchnGuest *g = evtchn_guest_new(NR_VCPUS, true);
    XenEvtchnPortInfo info = { .port = 1, .type = EVTCHNSTAT_ipi,
                               .priority = 7, .queue_priority = 7 };

    xen_evtchn_restore_begin(g->e);
    g_assert_cmpint(xen_evtchn_restore_port(g->e, &info), ==, 0);
    xen_evtchn_restore_fifo_control(g->e, 0,
                                    evtchn_guest_gpa(GUEST_GFN_CONTROL));
    xen_evtchn_restore_fifo_array(g->e, 0, GUEST_GFN_ARRAY);
    xen_evtchn_restore_fifo_tail(g->e, 0, 7, 131071);
    g_assert_cmpint(xen_evtchn_restore_finish(g->e), ==, 0);
    g->fifo = true;
    g_assert_cmpint(xen_evtchn_send(g->e, 1), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(g, 0, NULL, NULL), ==, 1);
    evtchn_guest_free(g);
}

/* A tail that is on another queue, or on two, is refused. */
static void test_wrong_tail(void)
{
    EvtchnGuest *g = evtchn_guest_new(NR_VCPUS, true);
    XenEvtchnPortInfo info = { .port = 1, .type = EVTCHNSTAT_ipi };
    static const struct {
        unsigned vcpu, priority;
        uint32_t tail;
    } tails[][2] = {
        { { 0, 0, 1 }, { 1, 0, 1 } },
        { { 0, 0, 1 }, { 0, 3, 1 } },
        { { 1, 1, 7 }, { 1, 2, 7 } },
    };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(tails); i++) {
        bool second = i & 1;

        xen_evtchn_restore_begin(g->e);
        g_assert_cmpint(xen_evtchn_restore_port(g->e, &info), ==, 0);
        xen_evtchn_restore_fifo_array(g->e, 0, GUEST_GFN_ARRAY);
        for (unsigned n = 0; n <= second; n++) {
            g_assert_cmpint(xen_evtchn_restore_fifo_tail(g->e,
                                tails[i / 2][n].vcpu, tails[i / 2][n].priority,
                                tails[i / 2][n].tail), ==, 0);
        }
        g_assert_cmpint(xen_evtchn_restore_finish(g->e), ==,
                        second ? -EINVAL : 0);
    }

    /* 2-level has no queues. */
    xen_evtchn_restore_begin(g->e);
    g_assert_cmpint(xen_evtchn_restore_fifo_tail(g->e, 0, 0, 1), ==, 0);
    g_assert_cmpint(xen_evtchn_restore_finish(g->e), ==, -EINVAL);
    evtchn_guest_free(g);
}

/* A closed port that is still a tail stays one in migration. */
static void test_closed_tail(void)
{
    EvtchnGuest *a = evtchn_guest_new(NR_VCPUS, true);
    EvtchnGuest *b = evtchn_guest_new(NR_VCPUS, true);
    uint32_t last, other;

    evtchn_guest_use_fifo(a, 1);
    other = evtchn_guest_bind_ipi(a, 2);
    last = evtchn_guest_bind_ipi(a, 2);
    xen_evtchn_send(a->e, last);
    g_assert_cmpint(xen_evtchn_close(a->e, last), ==, 0);
    evtchn_guest_handle(a, 2, NULL, NULL);
    g_assert_cmpuint(xen_evtchn_fifo_tail(a->e, 2, 7), ==, last);
    migrate(a, b);
    g_assert_cmpuint(xen_evtchn_fifo_tail(b->e, 2, 7), ==, last);

    g_assert_cmpuint(evtchn_guest_bind_ipi(b, 1), ==, last);
    g_assert_cmpint(xen_evtchn_send(b->e, last), ==, 0);
    g_assert_cmpint(xen_evtchn_send(b->e, other), ==, 0);
    g_assert_cmpuint(evtchn_guest_handle(b, 2, NULL, NULL), ==, 1);
    g_assert_cmpuint(evtchn_guest_handle(b, 1, NULL, NULL), ==, 1);
    evtchn_guest_free(a);
    evtchn_guest_free(b);
}

/* A port closed while linked is not allocated after migration either. */
static void test_closed_linked(void)
{
    EvtchnGuest *a = evtchn_guest_new(NR_VCPUS, true);
    EvtchnGuest *b = evtchn_guest_new(NR_VCPUS, true);
    uint32_t port;

    evtchn_guest_use_fifo(a, 1);
    port = evtchn_guest_bind_ipi(a, 2);
    xen_evtchn_send(a->e, port);
    g_assert_cmpint(xen_evtchn_close(a->e, port), ==, 0);
    migrate(a, b);
    g_assert_cmpuint(evtchn_guest_bind_ipi(b, 1), ==, port + 1);
    evtchn_guest_handle(b, 2, NULL, NULL);
    g_assert_cmpuint(evtchn_guest_bind_ipi(b, 1), ==, port);
    evtchn_guest_free(a);
    evtchn_guest_free(b);
}

/* Restoring to an engine that is in use; guest memory is not written. */
static void test_into_used(void)
{
    EvtchnGuest *g = evtchn_guest_new(NR_VCPUS, true);
    XenEvtchnPortInfo info = { .port = 2, .type = EVTCHNSTAT_ipi };
    uint32_t port = evtchn_guest_bind_virq(g, 0, VIRQ_TIMER);

    xen_evtchn_raise_virq(g->e, 0, VIRQ_TIMER);
    xen_evtchn_restore_begin(g->e);
    g_assert_true(evtchn_guest_pending(g, port));
    g_assert_cmpuint(xen_evtchn_nr_ports(g->e), ==, 0);
    g_assert_cmpuint(xen_evtchn_virq_port(g->e, 0, VIRQ_TIMER), ==, 0);
    g_assert_cmpint(xen_evtchn_restore_port(g->e, &info), ==, 0);
    g_assert_cmpint(xen_evtchn_restore_finish(g->e), ==, 0);
    g_assert_cmpint(xen_evtchn_send(g->e, 2), ==, 0);
    /* The numbers next to it are free. */
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, 1);
    g_assert_cmpuint(evtchn_guest_bind_ipi(g, 0), ==, 3);
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/evtchn/migrate/traffic/2l",
                         GINT_TO_POINTER(false), test_traffic);
    g_test_add_data_func("/evtchn/migrate/traffic/fifo",
                         GINT_TO_POINTER(true), test_traffic);
    g_test_add_func("/evtchn/migrate/parked", test_parked);
    g_test_add_func("/evtchn/migrate/parked-unmask", test_parked_unmask);
    g_test_add_func("/evtchn/migrate/backend", test_backend);
    g_test_add_func("/evtchn/migrate/refused", test_refused);
    g_test_add_func("/evtchn/migrate/refused-at-end", test_refused_at_end);
    g_test_add_func("/evtchn/migrate/hostile-tail", test_hostile_tail);
    g_test_add_func("/evtchn/migrate/wrong-tail", test_wrong_tail);
    g_test_add_func("/evtchn/migrate/closed-tail", test_closed_tail);
    g_test_add_func("/evtchn/migrate/closed-linked", test_closed_linked);
    g_test_add_func("/evtchn/migrate/into-used", test_into_used);
    return g_test_run();
}
